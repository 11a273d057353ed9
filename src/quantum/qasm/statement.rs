//! The statements of OpenQASM 2 and 3.
//!
//! Promises that a statement which cannot be profiled is named as such, with its place. Leaves expressions and operands
//! to the parser's other half.

use smallvec::SmallVec;

use super::error::{Fault, Span};
use super::lexer::Kind;
use super::parser::{Parser, Version};
use super::syntax::{
    Base, Call, Expression, Index, Library, LoopValues, Modifier, Operand, RangeForm, Statement,
    StatementKind,
};
use crate::config_file::shown::escaped;

/// Why a program cannot be profiled.
const RUN_TIME: &str = "what it does is known only when it runs";

impl Parser<'_> {
    /// The next statement. Statements nest: what stands on the stack for every level is this function, `nested` and what
    /// reads one kind of block. The many kinds of statements without a block are read beside it.
    pub(super) fn statement(&mut self) -> Result<Statement, Fault> {
        self.deeper()?;
        let start = self.token.span;
        let kind = if self.opens_block() { self.nested() } else { self.leaf() }?;
        self.nesting -= 1;
        Ok(Statement { span: start.to(self.last), kind })
    }

    fn opens_block(&self) -> bool {
        match self.word() {
            "gate" | "if" => true,
            "box" | "for" => self.version == Version::Three,
            _ => false,
        }
    }

    /// A statement that holds others.
    #[inline(never)]
    fn nested(&mut self) -> Result<StatementKind, Fault> {
        match self.word() {
            "gate" => self.gate(),
            "if" => self.condition(),
            "for" => self.for_loop(),
            _ => self.boxed(),
        }
    }

    #[inline(never)]
    fn gate(&mut self) -> Result<StatementKind, Fault> {
        self.advance()?;
        self.gate_form(true).map(StatementKind::Gate)
    }

    /// `box { }`, `box[100ns] { }`.
    #[inline(never)]
    fn boxed(&mut self) -> Result<StatementKind, Fault> {
        self.advance()?;
        if self.take("[")? {
            self.expression()?;
            self.expect("]")?;
        }
        self.block().map(StatementKind::Block)
    }

    /// A statement without others inside.
    #[inline(never)]
    fn leaf(&mut self) -> Result<StatementKind, Fault> {
        match self.token.kind {
            Kind::Symbol("@") if self.version == Version::Three => self.annotation(),
            Kind::Symbol("#") if self.version == Version::Three => self.pragma(),
            Kind::Symbol(";") => {
                self.advance()?;
                Ok(StatementKind::Nothing)
            }
            Kind::Name => {
                if let Some(kind) = self.common()? {
                    return Ok(kind);
                }
                if self.version == Version::Three
                    && let Some(kind) = self.third()?
                {
                    return Ok(kind);
                }
                self.call_or_assignment()
            }
            _ => Err(self.unexpected("a statement")),
        }
    }

    /// What both versions know.
    fn common(&mut self) -> Result<Option<StatementKind>, Fault> {
        Ok(Some(match self.word() {
            "OPENQASM" => {
                return Err(Fault::at(self.token.span, "the version belongs at the start of the file"));
            }
            "include" => {
                self.advance()?;
                let file = self.token.span.of(self.text).trim_matches(['"', '\'']);
                let library = match (self.token.kind, file.rsplit('/').next().unwrap_or_default()) {
                    (Kind::Text, "qelib1.inc") => Library::Qelib1,
                    (Kind::Text, "stdgates.inc") => Library::Stdgates,
                    (Kind::Text, _) => {
                        let message = format!(
                            "the file `{}` cannot be included; hint: qelib1.inc and stdgates.inc are built in, \
                             other gates go into the file itself",
                            escaped(file)
                        );
                        return Err(Fault::at(self.token.span, message));
                    }
                    _ => return Err(self.unexpected("the name of a file in quotes")),
                };
                self.advance()?;
                self.expect(";")?;
                StatementKind::Include(library)
            }
            word @ ("qreg" | "creg") => {
                self.advance()?;
                let name = self.name("the name of the register")?;
                let size = self.size()?;
                if size.is_none() && self.version == Version::Two {
                    return Err(self.unexpected("`[` and the size of the register"));
                }
                self.expect(";")?;
                match word {
                    "qreg" => StatementKind::Qubits { name, size },
                    _ => StatementKind::Bits { name, size, measured: None },
                }
            }
            "opaque" => {
                self.advance()?;
                StatementKind::Opaque(self.gate_form(false)?)
            }
            "barrier" => {
                self.advance()?;
                StatementKind::Barrier(self.operands()?)
            }
            "reset" => {
                self.advance()?;
                let operands = self.operands()?;
                if operands.is_empty() {
                    return Err(Fault::at(self.last, "`reset` names no qubit"));
                }
                StatementKind::Reset(operands)
            }
            "measure" => {
                self.advance()?;
                let from = self.operand()?;
                let into = match self.version {
                    Version::Two => {
                        self.expect("->")?;
                        Some(self.operand()?)
                    }
                    Version::Three => self.take("->")?.then(|| self.operand()).transpose()?,
                };
                self.expect(";")?;
                StatementKind::Measure { from, into }
            }
            _ => return Ok(None),
        }))
    }

    /// What only version 3 knows.
    fn third(&mut self) -> Result<Option<StatementKind>, Fault> {
        let start = self.token.span;
        Ok(Some(match self.word() {
            "qubit" => {
                self.advance()?;
                let size = self.size()?;
                let name = self.name("the name of the register")?;
                self.expect(";")?;
                StatementKind::Qubits { name, size }
            }
            "bit" => self.bits()?,
            "output" => {
                self.advance()?;
                if self.word() == "bit" { self.bits()? } else { self.value(false)? }
            }
            "input" => {
                self.advance()?;
                if self.word() == "bit" { self.bits()? } else { self.value(false)? }
            }
            "const" => {
                self.advance()?;
                self.value(true)?
            }
            "int" | "uint" | "float" | "angle" | "bool" | "duration" | "stretch" | "complex" => {
                self.value(false)?
            }
            "let" => {
                self.advance()?;
                let name = self.name("the name of the alias")?;
                self.expect("=")?;
                let mut parts = Vec::new();
                let closing = if self.take("{")? { "}" } else { ";" };
                loop {
                    parts.push(self.operand()?);
                    if !(self.take("++")? || (closing == "}" && self.take(",")?)) {
                        break;
                    }
                }
                self.expect(closing)?;
                if closing == "}" {
                    self.expect(";")?;
                }
                StatementKind::Alias { name, parts }
            }
            "delay" => {
                self.advance()?;
                self.expect("[")?;
                self.expression()?;
                self.expect("]")?;
                StatementKind::Delay(self.operands()?)
            }
            "pragma" => self.pragma()?,
            "nop" => {
                self.advance()?;
                self.operands()?;
                StatementKind::Nothing
            }
            word @ ("while" | "switch") => {
                let message = format!(
                    "`{word}` cannot be profiled: {RUN_TIME}; hint: a `for` loop over constants can, and `if`"
                );
                return Err(Fault::at(start, message));
            }
            word @ ("def" | "extern" | "defcal" | "cal" | "defcalgrammar" | "array" | "return" | "break"
            | "continue" | "end") => {
                let message = format!("`{word}` cannot be profiled: {RUN_TIME}; hint: write out the gates");
                return Err(Fault::at(start, message));
            }
            _ => return Ok(None),
        }))
    }

    /// An annotation is a remark on the statement below it, which counts as without. It ends with its line: what looks
    /// like a statement on the same line would not be counted.
    fn annotation(&mut self) -> Result<StatementKind, Fault> {
        let line = self.lexer.line_from(self.token.span.start);
        if line.of(self.text).contains(';') {
            let message = format!(
                "the annotation `{}` takes its whole line, so that a statement on it would not be counted; hint: put \
                 the statement on the next line",
                escaped(line.of(self.text))
            );
            return Err(Fault::at(line, message));
        }
        self.advance()?;
        Ok(StatementKind::Nothing)
    }

    /// A pragma may stand for anything, also for gates (`braket unitary`): only those are passed over that are known to
    /// add none.
    fn pragma(&mut self) -> Result<StatementKind, Fault> {
        const WITHOUT_GATES: [&str; 3] = ["braket verbatim", "braket result", "braket noise"];
        let line = self.lexer.line_from(self.token.span.start);
        let text = line.of(self.text).trim_start_matches('#').trim_start();
        let words: Vec<&str> = text.split_whitespace().skip(1).take(2).collect();
        if !WITHOUT_GATES.contains(&words.join(" ").as_str()) {
            let message = format!(
                "`{}` may stand for gates, which would not be counted; hint: write it as gates, or delete the line if it \
                 adds none",
                escaped(line.of(self.text))
            );
            return Err(Fault::at(line, message));
        }
        self.advance()?;
        Ok(StatementKind::Nothing)
    }

    /// `[size]` where there is one.
    fn size(&mut self) -> Result<Option<Expression>, Fault> {
        if !self.take("[")? {
            return Ok(None);
        }
        let size = self.expression()?;
        self.expect("]")?;
        Ok(Some(size))
    }

    /// `bit[n] name`, perhaps with a first value.
    fn bits(&mut self) -> Result<StatementKind, Fault> {
        self.advance()?;
        let size = self.size()?;
        let name = self.name("the name of the register")?;
        let mut measured = None;
        if self.take("=")? {
            if self.word() == "measure" {
                self.advance()?;
                measured = Some(self.operand()?);
            } else {
                self.expression()?;
            }
        }
        self.expect(";")?;
        Ok(StatementKind::Bits { name, size, measured })
    }

    /// A declaration `type[width] name = value;`, the current token being the type.
    fn value(&mut self, constant: bool) -> Result<StatementKind, Fault> {
        let kind = self.name("a type")?;
        if self.take("[")? {
            // complex[float[64]]
            if kind.of(self.text) == "complex" {
                self.advance()?;
                self.size()?;
            } else {
                self.expression()?;
            }
            self.expect("]")?;
        }
        let name = self.name("a name")?;
        let given = if self.take("=")? { Some(self.expression()?) } else { None };
        if constant && given.is_none() {
            return Err(self.unexpected("`=` and the value of the constant"));
        }
        self.expect(";")?;
        Ok(StatementKind::Value { name, constant: given.filter(|_| constant) })
    }

    #[inline(never)]
    fn condition(&mut self) -> Result<StatementKind, Fault> {
        self.advance()?;
        self.expect("(")?;
        let condition = self.expression()?;
        self.expect(")")?;
        let then = self.block()?;
        let mut otherwise = Vec::new();
        if self.version == Version::Two {
            let quantum = |statement: &Statement| {
                matches!(
                    statement.kind,
                    StatementKind::Call(_)
                        | StatementKind::Measure { .. }
                        | StatementKind::Reset(_)
                        | StatementKind::Barrier(_)
                )
            };
            if let Some(other) = then.iter().find(|statement| !quantum(statement)) {
                return Err(Fault::at(other.span, "only a gate, `measure` or `reset` can follow `if(...)`"));
            }
        } else if self.word() == "else" {
            self.advance()?;
            otherwise = self.block()?;
        }
        Ok(StatementKind::If { condition, then, otherwise })
    }

    /// Statements in braces (not in version 2), or a single one.
    fn block(&mut self) -> Result<Vec<Statement>, Fault> {
        if self.version == Version::Two || !self.take("{")? {
            return Ok(vec![self.statement()?]);
        }
        let mut statements = Vec::new();
        while !self.at("}") {
            statements.push(self.statement()?);
        }
        self.expect("}")?;
        Ok(statements)
    }

    /// `for int[32] i in [0:3] { }`, `for i in {0, 3} { }`.
    #[inline(never)]
    fn for_loop(&mut self) -> Result<StatementKind, Fault> {
        self.advance()?;
        let mut name = self.name("a type or the name of a variable")?;
        if self.take("[")? {
            self.expression()?;
            self.expect("]")?;
        }
        if self.word() != "in" {
            name = self.name("`in`")?;
        }
        if self.word() != "in" {
            return Err(self.unexpected("`in`"));
        }
        self.advance()?;
        let values = if self.take("{")? {
            LoopValues::Set(self.set()?)
        } else if self.take("[")? {
            let first = if self.at(":") { None } else { Some(self.expression()?) };
            let range: RangeForm = self.range_after(first)?;
            self.expect("]")?;
            LoopValues::Range(range)
        } else {
            self.expression()?;
            LoopValues::Unknown
        };
        let body = self.block()?;
        Ok(StatementKind::For { name, values, body })
    }

    /// What begins with a name that is no keyword.
    fn call_or_assignment(&mut self) -> Result<StatementKind, Fault> {
        let mut modifiers: SmallVec<[Modifier; 1]> = SmallVec::new();
        while self.version == Version::Three
            && let Some(modifier) = self.modifier()?
        {
            modifiers.push(modifier);
            self.expect("@")?;
        }
        let gate = self.name("the name of a gate")?;
        if modifiers.is_empty()
            && self.version == Version::Three
            && (self.at("[") || matches!(self.token.kind, Kind::Symbol(symbol) if is_assignment(symbol)))
        {
            return self.assignment(gate);
        }
        let mut parameters = Vec::new();
        if self.take("(")? {
            while !self.at(")") {
                parameters.push(self.expression()?);
                if !self.take(",")? {
                    break;
                }
            }
            self.expect(")")?;
        }
        // A call with a duration is for hardware experiments; the duration has no say in the counts.
        if self.version == Version::Three && self.take("[")? {
            self.expression()?;
            self.expect("]")?;
        }
        let operands = self.operands()?;
        Ok(StatementKind::Call(Call { modifiers, gate, parameters, operands }))
    }

    /// `inv`, `pow(k)`, `ctrl`, `ctrl(n)`, `negctrl`, if one is next; a gate of that name has no `@` behind it.
    fn modifier(&mut self) -> Result<Option<Modifier>, Fault> {
        let word = self.word();
        if !matches!(word, "inv" | "pow" | "ctrl" | "negctrl") {
            return Ok(None);
        }
        self.advance()?;
        let value = if word != "inv" && self.take("(")? {
            let value = self.expression()?;
            self.expect(")")?;
            Some(value)
        } else {
            None
        };
        Ok(Some(match (word, value) {
            ("inv", _) => Modifier::Inverse,
            ("pow", Some(exponent)) => Modifier::Power(exponent),
            ("pow", None) => return Err(self.unexpected("`(` and the exponent, as in pow(2) @")),
            (_, count) => Modifier::Control { count, negative: word == "negctrl" },
        }))
    }

    /// The rest of `name[index] = ...;`.
    fn assignment(&mut self, name: Span) -> Result<StatementKind, Fault> {
        let index = if self.take("[")? { self.index()? } else { Index::Whole };
        let target = Operand { span: name.to(self.last), base: Base::Named(name), index };
        match self.token.kind {
            Kind::Symbol(symbol) if is_assignment(symbol) => self.advance()?,
            _ => return Err(self.unexpected("`=`")),
        }
        let kind = if self.word() == "measure" {
            self.advance()?;
            StatementKind::Measure { from: self.operand()?, into: Some(target) }
        } else {
            self.expression()?;
            StatementKind::Assign { target }
        };
        self.expect(";")?;
        Ok(kind)
    }
}

fn is_assignment(symbol: &str) -> bool {
    symbol.ends_with('=') && !matches!(symbol, "==" | "!=" | "<=" | ">=")
}
