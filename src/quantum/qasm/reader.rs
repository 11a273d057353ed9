//! Runs through the statements of a file and counts: registers, broadcasts, conditions, loops.
//!
//! Promises that every operation is checked before it is counted, and that the work is bounded. Leaves gates to
//! [`super::calls`], names and values to [`super::names`].

use std::collections::BTreeMap;

use super::error::{Fault, Span};
use super::gates::Gates;
use super::meter::Meter;
use super::parser::{Parser, Version};
use super::symbol::{Symbol, Wires};
use super::syntax::{Expression, LoopValues, Operand, RangeForm, Statement, StatementKind};
use super::{MAX_BITS, MAX_QUBITS, MAX_WORK};
use crate::config_file::shown::escaped;
use crate::quantum::circuit::CircuitProfile;

/// What is known of a file so far.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) version: Version,
    pub(super) gates: Gates,
    pub(super) meter: Meter,
    /// What names mean, outermost block first.
    pub(super) scopes: Vec<BTreeMap<&'a str, Symbol>>,
    /// The classical bits that decide whether the current statement is executed.
    pub(super) conditions: Vec<u32>,
    /// Qubits of the meter by hardware number.
    hardware: BTreeMap<u32, u32>,
    work: u64,
}

impl<'a> Reader<'a> {
    /// The profile of a whole file.
    pub(super) fn profile(text: &'a str) -> Result<CircuitProfile, Fault> {
        let mut parser = Parser::new(text)?;
        let mut reader = Self {
            text,
            version: parser.version,
            gates: Gates::new(parser.version),
            meter: Meter::default(),
            scopes: vec![BTreeMap::new()],
            conditions: Vec::new(),
            hardware: BTreeMap::new(),
            work: 0,
        };
        while let Some(statement) = parser.next()? {
            reader.execute(&statement)?;
        }
        let order: Vec<u32> = match reader.hardware.is_empty() {
            true => (0..reader.meter.qubits()).collect(),
            false => reader.hardware.values().copied().collect(),
        };
        if order.is_empty() {
            let message = match reader.version {
                Version::Two => "the circuit has no qubits; hint: declare some, as in qreg q[2];",
                Version::Three => "the circuit has no qubits; hint: declare some, as in qubit[2] q;",
            };
            return Err(Fault::whole(message));
        }
        reader.meter.finish(&order).map_err(|error| Fault::whole(error.to_string()))
    }

    /// Accounts for work that touches so many qubits and bits.
    pub(super) fn spend(&mut self, wires: usize, span: Span) -> Result<(), Fault> {
        self.work += wires.max(1) as u64;
        if self.work <= MAX_WORK {
            return Ok(());
        }
        let message = format!(
            "the circuit is too large: with definitions and loops written out, its operations touch more than \
             {MAX_WORK} qubits and bits; hint: split it, or profile it elsewhere"
        );
        Err(Fault::at(span, message))
    }

    pub(super) fn shown(&self, span: Span) -> String {
        escaped(span.of(self.text))
    }

    fn execute(&mut self, statement: &Statement) -> Result<(), Fault> {
        let span = statement.span;
        self.spend(self.conditions.len(), span)?;
        match &statement.kind {
            StatementKind::Nothing => Ok(()),
            StatementKind::Include(library) => {
                self.gates.include(*library);
                Ok(())
            }
            StatementKind::Qubits { name, size } => {
                let size =
                    self.register_size(*name, size.as_ref(), self.meter.qubits(), MAX_QUBITS, "qubits")?;
                if !self.hardware.is_empty() {
                    let message = "a circuit on hardware qubits such as $0 declares no qubits of its own";
                    return Err(Fault::at(span, message));
                }
                self.spend(size.unwrap_or(1) as usize, span)?;
                let first = self.meter.add_qubits(size.unwrap_or(1));
                self.declare(*name, Symbol::Qubits(Wires::new(first, size)))
            }
            StatementKind::Bits { name, size, measured } => {
                let size = self.register_size(*name, size.as_ref(), self.meter.bits(), MAX_BITS, "bits")?;
                self.spend(size.unwrap_or(1) as usize, span)?;
                let first = self.meter.add_bits(size.unwrap_or(1));
                let wires = Wires::new(first, size);
                self.declare(*name, Symbol::Bits(wires.clone()))?;
                match measured {
                    Some(from) => self.measure(from, Some(&wires), span),
                    None => Ok(()),
                }
            }
            StatementKind::Value { name, constant } => {
                let value = match constant {
                    Some(expression) => self.value(expression, None)?,
                    None => None,
                };
                self.declare(*name, Symbol::Value(value))
            }
            StatementKind::Assign { target } => self.assign(target),
            StatementKind::Alias { name, parts } => {
                let mut list = Vec::new();
                for part in parts {
                    let wires = self.qubits(part)?;
                    self.spend(wires.len(), span)?;
                    list.extend(wires.iter());
                }
                self.declare(*name, Symbol::Qubits(Wires::list(list)))
            }
            StatementKind::Gate(form) => self.define(form, true),
            StatementKind::Opaque(form) => self.define(form, false),
            StatementKind::Call(call) => self.call(call, span),
            StatementKind::Barrier(operands) => {
                let mut wires: Vec<u32> = Vec::new();
                for operand in operands {
                    let these = self.qubits(operand)?;
                    self.spend(these.len(), span)?;
                    wires.extend(these.iter());
                }
                if operands.is_empty() {
                    let all = self.meter.qubits();
                    self.spend(all as usize, span)?;
                    self.meter.barrier(0..all);
                }
                self.meter.barrier(wires.iter().copied());
                Ok(())
            }
            StatementKind::Delay(operands) | StatementKind::Reset(operands) => {
                for operand in operands {
                    let wires = self.qubits(operand)?;
                    self.spend(wires.len() * (1 + self.conditions.len()), span)?;
                    for qubit in wires.iter() {
                        self.meter.idle(qubit, &self.conditions);
                    }
                }
                if operands.is_empty() {
                    let all = self.meter.qubits();
                    self.spend(all as usize * (1 + self.conditions.len()), span)?;
                    for qubit in 0..all {
                        self.meter.idle(qubit, &self.conditions);
                    }
                }
                Ok(())
            }
            StatementKind::Measure { from, into } => {
                let into = match into {
                    Some(operand) => self.target(operand)?,
                    None => None,
                };
                self.measure(from, into.as_ref(), span)
            }
            StatementKind::If { condition, then, otherwise } => self.branch(condition, then, otherwise),
            StatementKind::For { name, values, body } => self.repeat(*name, values, body, span),
            StatementKind::Block(body) => self.block(body),
        }
    }

    /// Statements with names of their own.
    fn block(&mut self, statements: &[Statement]) -> Result<(), Fault> {
        self.scopes.push(BTreeMap::new());
        for statement in statements {
            self.execute(statement)?;
        }
        self.scopes.pop();
        Ok(())
    }

    /// Number of elements; `None` for a single one.
    fn register_size(
        &mut self,
        name: Span,
        size: Option<&Expression>,
        already: u32,
        most: u32,
        what: &str,
    ) -> Result<Option<u32>, Fault> {
        let Some(expression) = size else {
            return if already < most {
                Ok(None)
            } else {
                Err(Fault::at(name, too_many(already, 1, most, what)))
            };
        };
        let size = self.integer(expression, "the size of a register")?;
        if size < 0 {
            return Err(Fault::at(expression.span, format!("a register cannot have {size} {what}")));
        }
        if size > i64::from(most - already) {
            return Err(Fault::at(expression.span, too_many(already, size, most, what)));
        }
        Ok(Some(size as u32))
    }

    fn measure(&mut self, from: &Operand, into: Option<&Wires>, span: Span) -> Result<(), Fault> {
        let qubits = self.qubits(from)?;
        if let Some(bits) = into
            && bits.len() != qubits.len()
        {
            let message = format!(
                "{} qubit(s) cannot be measured into {} bit(s); hint: registers of one size, or single elements",
                qubits.len(),
                bits.len()
            );
            return Err(Fault::at(span, message));
        }
        self.spend(qubits.len() * (2 + self.conditions.len()), span)?;
        let mut bits = Vec::with_capacity(1 + self.conditions.len());
        for place in 0..qubits.len() {
            bits.clear();
            bits.extend(into.map(|bits| bits.get(place)));
            bits.extend_from_slice(&self.conditions);
            self.meter.measure(qubits.get(place), &bits);
        }
        Ok(())
    }

    /// Both branches count: which one is taken is known at run time only. A constant condition is decided at once.
    fn branch(
        &mut self,
        condition: &Expression,
        then: &[Statement],
        otherwise: &[Statement],
    ) -> Result<(), Fault> {
        let mut bits = Vec::new();
        let value = self.value(condition, Some(&mut bits))?;
        if let Some(value) = value {
            return self.block(if value != 0.0 { then } else { otherwise });
        }
        bits.sort_unstable();
        bits.dedup();
        let outer = self.conditions.len();
        self.conditions.extend(bits);
        self.block(then)?;
        self.block(otherwise)?;
        self.conditions.truncate(outer);
        Ok(())
    }

    fn repeat(
        &mut self,
        name: Span,
        values: &LoopValues,
        body: &[Statement],
        span: Span,
    ) -> Result<(), Fault> {
        let what = "a bound of a `for` loop that is to be profiled";
        match values {
            LoopValues::Range(RangeForm { first: Some(first), step, last: Some(last) }) => {
                let (first, last) = (self.integer(first, what)?, self.integer(last, what)?);
                let step = match step {
                    Some(step) => self.integer(step, what)?,
                    None => 1,
                };
                if step == 0 {
                    return Err(Fault::at(span, "the step of a range cannot be 0"));
                }
                let mut value = first;
                while if step > 0 { value <= last } else { value >= last } {
                    self.turn(name, value as f64, body, span)?;
                    let Some(next) = value.checked_add(step) else { break };
                    value = next;
                }
                Ok(())
            }
            LoopValues::Set(set) => {
                for expression in set {
                    let value = self.integer(expression, what)?;
                    self.turn(name, value as f64, body, span)?;
                }
                Ok(())
            }
            LoopValues::Range(_) | LoopValues::Unknown => {
                let message = "a `for` loop over what is known only at run time cannot be profiled; \
                               hint: give both bounds, as in [0:3]";
                Err(Fault::at(span, message))
            }
        }
    }

    fn turn(&mut self, name: Span, value: f64, body: &[Statement], span: Span) -> Result<(), Fault> {
        self.spend(1, span)?;
        self.scopes.push(BTreeMap::from([(name.of(self.text), Symbol::Value(Some(value)))]));
        for statement in body {
            self.execute(statement)?;
        }
        self.scopes.pop();
        Ok(())
    }

    /// The qubit with a number of the hardware.
    pub(super) fn hardware_qubit(&mut self, number: u32, span: Span) -> Result<u32, Fault> {
        if let Some(qubit) = self.hardware.get(&number) {
            return Ok(*qubit);
        }
        let used = self.meter.qubits();
        if used as usize > self.hardware.len() {
            let message = format!("`${number}` cannot be mixed with declared qubits");
            return Err(Fault::at(span, message));
        }
        if used >= MAX_QUBITS {
            return Err(Fault::at(span, too_many(used, 1, MAX_QUBITS, "qubits")));
        }
        let qubit = self.meter.add_qubits(1);
        self.hardware.insert(number, qubit);
        Ok(qubit)
    }
}

fn too_many(already: u32, more: i64, most: u32, what: &str) -> String {
    format!("{already} and {more} {what} are too many; hint: at most {most}")
}
