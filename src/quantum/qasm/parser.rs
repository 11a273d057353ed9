//! Recursive descent over the tokens of OpenQASM 2 and 3: one statement at a time.
//!
//! Promises statements whose nesting is bounded, and errors at the token that does not fit. Leaves the meaning of
//! names, and whatever needs them, to the reader.

use smallvec::SmallVec;

use super::MAX_NESTING;
use super::error::{Fault, Span};
use super::lexer::{Kind, Lexer, Token};
use super::syntax::{Base, Expression, GateForm, Index, Operand, RangeForm, Statement, StatementKind};
use crate::config_file::shown::escaped;

/// Which language a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// OpenQASM 2.
    Two,
    /// OpenQASM 3.
    Three,
}

/// The parser: the current token, and where the next one begins.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) version: Version,
    pub(super) token: Token,
    /// The token before the current one.
    pub(super) last: Span,
    pub(super) nesting: u32,
    pub(super) lexer: Lexer<'a>,
}

impl<'a> Parser<'a> {
    /// Reads the version, which is 2 where the file does not say.
    pub(super) fn new(text: &'a str) -> Result<Self, Fault> {
        let mut lexer = Lexer::new(text);
        let token = lexer.token()?;
        let last = Span { start: 0, end: 0 };
        let mut parser = Self { text, version: Version::Two, token, last, nesting: 0, lexer };
        if parser.word() == "OPENQASM" {
            parser.advance()?;
            parser.version = match parser.token.kind {
                Kind::Real(version) if (2.0..3.0).contains(&version) => Version::Two,
                Kind::Real(version) if (3.0..4.0).contains(&version) => Version::Three,
                Kind::Integer(2) => Version::Two,
                Kind::Integer(3) => Version::Three,
                Kind::Integer(_) | Kind::Real(_) => {
                    let shown = escaped(parser.token.span.of(text));
                    let message = format!("version {shown} of OpenQASM is not known; hint: 2.0 or 3.0");
                    return Err(Fault::at(parser.token.span, message));
                }
                _ => return Err(parser.unexpected("a version, as in OPENQASM 2.0;")),
            };
            parser.advance()?;
            parser.expect(";")?;
        }
        Ok(parser)
    }

    /// The next statement of the file, `None` at its end.
    pub(super) fn next(&mut self) -> Result<Option<Statement>, Fault> {
        if self.token.kind == Kind::End { Ok(None) } else { self.statement().map(Some) }
    }

    pub(super) fn advance(&mut self) -> Result<(), Fault> {
        self.last = self.token.span;
        self.token = self.lexer.token()?;
        Ok(())
    }

    /// One level deeper; the caller comes up again with `nesting -= 1`. An error ends the parsing, so need not.
    pub(super) fn deeper(&mut self) -> Result<(), Fault> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            let message = format!("nested more than {MAX_NESTING} deep");
            return Err(Fault::at(self.token.span, message));
        }
        Ok(())
    }

    /// The current token as a word, empty for anything else.
    pub(super) fn word(&self) -> &'a str {
        if self.token.kind == Kind::Name { self.token.span.of(self.text) } else { "" }
    }

    pub(super) fn at(&self, symbol: &str) -> bool {
        matches!(self.token.kind, Kind::Symbol(found) if found == symbol)
    }

    /// Steps over a symbol if it is there.
    pub(super) fn take(&mut self, symbol: &str) -> Result<bool, Fault> {
        let there = self.at(symbol);
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    pub(super) fn expect(&mut self, symbol: &str) -> Result<(), Fault> {
        if self.take(symbol)? { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    pub(super) fn unexpected(&self, wanted: &str) -> Fault {
        let found = match self.token.kind {
            Kind::End => "the end of the file".to_owned(),
            _ => format!("`{}`", escaped(self.token.span.of(self.text))),
        };
        Fault::at(self.token.span, format!("found {found}, expected {wanted}"))
    }

    pub(super) fn name(&mut self, what: &str) -> Result<Span, Fault> {
        let span = self.token.span;
        if self.token.kind != Kind::Name {
            return Err(self.unexpected(what));
        }
        self.advance()?;
        Ok(span)
    }

    /// `name(parameters) qubits`, then a body in braces where one is wanted.
    pub(super) fn gate_form(&mut self, with_body: bool) -> Result<GateForm, Fault> {
        let name = self.name("the name of the gate")?;
        let mut parameters = Vec::new();
        if self.take("(")? {
            while !self.at(")") {
                parameters.push(self.name("the name of a parameter")?);
                if !self.take(",")? {
                    break;
                }
            }
            self.expect(")")?;
        }
        let mut qubits = vec![self.name("the name of a qubit")?];
        while self.take(",")? {
            qubits.push(self.name("the name of a qubit")?);
        }
        for names in [&parameters, &qubits] {
            let mut sorted: Vec<(&str, u32)> =
                names.iter().map(|span| (span.of(self.text), span.start)).collect();
            sorted.sort_unstable();
            if let Some(pair) = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                let twice = Span { start: pair[1].1, end: pair[1].1 + pair[1].0.len() as u32 };
                return Err(Fault::at(twice, format!("the name `{}` is used twice", escaped(pair[1].0))));
            }
        }
        let mut body = Vec::new();
        if with_body {
            self.expect("{")?;
            while !self.at("}") {
                let statement = self.statement()?;
                match statement.kind {
                    StatementKind::Call(_) | StatementKind::Barrier(_) => body.push(statement),
                    StatementKind::Nothing => {}
                    _ => {
                        let message = "the body of a gate holds gates and barriers only";
                        return Err(Fault::at(statement.span, message));
                    }
                }
            }
            self.expect("}")?;
        } else {
            self.expect(";")?;
        }
        Ok(GateForm { name, parameters, qubits, body })
    }

    /// Operands up to a semicolon, which is stepped over.
    pub(super) fn operands(&mut self) -> Result<SmallVec<[Operand; 2]>, Fault> {
        let mut operands = SmallVec::new();
        while !self.at(";") {
            operands.push(self.operand()?);
            if !self.take(",")? {
                break;
            }
        }
        self.expect(";")?;
        Ok(operands)
    }

    /// A register, an element, a range or a set of elements, or a hardware qubit.
    pub(super) fn operand(&mut self) -> Result<Operand, Fault> {
        let start = self.token.span;
        if let Kind::Hardware(number) = self.token.kind {
            self.advance()?;
            return Ok(Operand { span: start, base: Base::Hardware(number), index: Index::Whole });
        }
        let name = self.name("a qubit or a register")?;
        let index = if self.take("[")? { self.index()? } else { Index::Whole };
        Ok(Operand { span: start.to(self.last), base: Base::Named(name), index })
    }

    /// What stands between brackets, and the closing one.
    pub(super) fn index(&mut self) -> Result<Index, Fault> {
        if self.take("{")? {
            let set = self.set()?;
            self.expect("]")?;
            return Ok(Index::Set(set));
        }
        if let Kind::Integer(number) = self.token.kind {
            let mut ahead = self.lexer.clone();
            if matches!(ahead.token(), Ok(Token { kind: Kind::Symbol("]"), .. })) {
                self.advance()?;
                self.advance()?;
                return Ok(Index::Number(number));
            }
        }
        let first = if self.at(":") { None } else { Some(self.expression()?) };
        let index = match first {
            Some(one) if !self.at(":") => Index::One(one),
            first => Index::Range(Box::new(self.range_after(first)?)),
        };
        self.expect("]")?;
        Ok(index)
    }

    /// The rest of `first:step:last`, the current token being the first colon.
    pub(super) fn range_after(&mut self, first: Option<Expression>) -> Result<RangeForm, Fault> {
        self.expect(":")?;
        let open = |parser: &Self| parser.at("]") || parser.at(":");
        let second = if open(self) { None } else { Some(self.expression()?) };
        if !self.take(":")? {
            return Ok(RangeForm { first, step: None, last: second });
        }
        let last = if open(self) { None } else { Some(self.expression()?) };
        Ok(RangeForm { first, step: second, last })
    }

    /// Values up to a closing brace, which is stepped over.
    pub(super) fn set(&mut self) -> Result<Vec<Expression>, Fault> {
        let mut values = Vec::new();
        while !self.at("}") {
            values.push(self.expression()?);
            if !self.take(",")? {
                break;
            }
        }
        self.expect("}")?;
        Ok(values)
    }
}
