//! Gates at work: definitions, calls with modifiers, broadcast over registers, expansion to one- and two-qubit gates.
//!
//! Promises that numbers of parameters and qubits fit, that the qubits of a call differ, and that nothing is expanded
//! deeper than the limit. Leaves the table of known gates to [`super::gates`].

use std::collections::BTreeMap;

use smallvec::{SmallVec, smallvec};

use super::MAX_NESTING;
use super::error::{Fault, Span};
use super::gates::{BodyStep, Gate, GateId, GateKind, base_name};
use super::reader::Reader;
use super::symbol::{Symbol, Wires};
use super::syntax::{Base, Call, Expression, GateForm, Index, Modifier, StatementKind};
use crate::config_file::shown::{escaped, near};

/// Qubits of one operation.
type Qubits = SmallVec<[u32; 6]>;

impl Reader<'_> {
    /// Adds a gate of the file; without a body it counts as one gate, if it can.
    pub(super) fn define(&mut self, form: &GateForm, with_body: bool) -> Result<(), Fault> {
        let name = form.name.of(self.text);
        self.spend(form.qubits.len() + form.parameters.len(), form.name)?;
        let mut height = 0;
        let kind = if with_body {
            let places: BTreeMap<&str, u32> =
                (0..).zip(&form.qubits).map(|(place, span)| (span.of(self.text), place)).collect();
            let parameters = form.parameters.iter().map(|span| (span.of(self.text), Symbol::Value(None)));
            self.scopes.push(parameters.collect());
            let mut body = Vec::new();
            for statement in &form.body {
                let operands = match &statement.kind {
                    StatementKind::Call(call) => &call.operands,
                    StatementKind::Barrier(operands) => operands,
                    _ => continue,
                };
                let mut wires: SmallVec<[u32; 2]> = SmallVec::new();
                for operand in operands {
                    wires.push(match (operand.base, &operand.index) {
                        (Base::Named(name), Index::Whole) => self.place_in(name, form, &places)?,
                        _ => {
                            let message = "the body of a gate names its own qubits, without index";
                            return Err(Fault::at(operand.span, message));
                        }
                    });
                }
                self.spend(wires.len(), statement.span)?;
                match &statement.kind {
                    StatementKind::Call(call) => {
                        let steps = self.compile(call, wires.len(), statement.span)?;
                        self.differ(&wires, statement.span)?;
                        for mut step in steps {
                            for wire in &mut step.wires {
                                *wire = wires[*wire as usize];
                            }
                            height = height.max(step.gate.map_or(0, |id| self.gates.get(id).height + 1));
                            body.push(step);
                        }
                    }
                    _ => {
                        if operands.is_empty() {
                            wires = (0..form.qubits.len() as u32).collect();
                        }
                        body.push(BodyStep { gate: None, controls: 0, inverse: false, repeats: 1, wires });
                    }
                }
            }
            self.scopes.pop();
            GateKind::Body(body.into())
        } else if base_name(name) == "delay" {
            GateKind::Idle
        } else if form.qubits.len() <= 2 {
            GateKind::Single
        } else {
            GateKind::Opaque
        };
        if height > MAX_NESTING {
            let message = format!("the definitions below this gate are nested more than {MAX_NESTING} deep");
            return Err(Fault::at(form.name, message));
        }
        let gate = Gate {
            name: name.into(),
            parameters: form.parameters.len() as u32,
            qubits: form.qubits.len() as u32,
            kind,
            height,
            controlled: None,
        };
        self.gates
            .define(gate)
            .ok_or_else(|| Fault::at(form.name, format!("the gate `{}` is defined twice", escaped(name))))
    }

    fn place_in(&self, name: Span, form: &GateForm, places: &BTreeMap<&str, u32>) -> Result<u32, Fault> {
        places.get(name.of(self.text)).copied().ok_or_else(|| {
            let names: Vec<String> = form.qubits.iter().take(20).map(|span| self.shown(*span)).collect();
            let message = format!(
                "the gate `{}` has no qubit `{}`; hint: its qubits are {}",
                self.shown(form.name),
                self.shown(name),
                names.join(", ")
            );
            Fault::at(name, message)
        })
    }

    /// A call, once for every element of its registers.
    pub(super) fn call(&mut self, call: &Call, span: Span) -> Result<(), Fault> {
        let steps = self.compile(call, call.operands.len(), span)?;
        let mut operands: SmallVec<[Wires; 2]> = SmallVec::new();
        let mut times = None;
        for operand in &call.operands {
            let wires = self.qubits(operand)?;
            if !matches!(wires, Wires::One(_)) {
                let length = wires.len();
                if times.is_some_and(|times| times != length) {
                    let message = format!(
                        "registers of {} and {length} qubits cannot go together",
                        times.unwrap_or_default()
                    );
                    return Err(Fault::at(operand.span, message));
                }
                times = Some(length);
            }
            operands.push(wires);
        }
        for turn in 0..times.unwrap_or(1) {
            let qubits: Qubits = operands.iter().map(|wires| wires.get(turn)).collect();
            self.differ(&qubits, span)?;
            for step in &steps {
                self.apply(step, &[], &qubits, false, span)?;
            }
        }
        Ok(())
    }

    /// The parts of a call over its operands: the gate itself, and what negative controls need around it.
    fn compile(
        &mut self,
        call: &Call,
        operands: usize,
        span: Span,
    ) -> Result<SmallVec<[BodyStep; 1]>, Fault> {
        let name = call.gate.of(self.text);
        let Some(id) = self.gates.find(name) else { return Err(self.unknown_gate(call.gate)) };
        let gate = self.gates.get(id);
        let (parameters, qubits) = (gate.parameters as usize, gate.qubits as usize);
        let single = matches!(gate.kind, GateKind::Single);
        if call.parameters.len() != parameters {
            let message =
                format!("`{}` takes {parameters} parameter(s), not {}", escaped(name), call.parameters.len());
            return Err(Fault::at(call.gate, message));
        }
        for parameter in &call.parameters {
            self.angle(parameter)?;
        }
        let mut negative: Vec<bool> = Vec::new();
        let (mut inverse, mut repeats) = (false, 1_u32);
        for modifier in &call.modifiers {
            match modifier {
                Modifier::Inverse => inverse = !inverse,
                Modifier::Control { count, negative: sign } => {
                    let count = match count {
                        Some(count) => self.integer(count, "a number of controls")?,
                        None => 1,
                    };
                    if count < 1 || count as usize > operands {
                        let message = format!("{count} controls do not go with {operands} qubit(s)");
                        return Err(Fault::at(span, message));
                    }
                    negative.extend(std::iter::repeat_n(*sign, count as usize));
                    self.spend(count as usize, span)?;
                }
                // A power of a single gate is again a single gate.
                Modifier::Power(exponent) if single => {
                    self.angle(exponent)?;
                }
                Modifier::Power(exponent) => {
                    let power = self.integer(exponent, "the power of a gate made of gates")?;
                    inverse ^= power < 0;
                    let power = u32::try_from(power.unsigned_abs()).ok();
                    let Some(product) = power.and_then(|power| repeats.checked_mul(power)) else {
                        return Err(Fault::at(exponent.span, "the power is too large"));
                    };
                    repeats = product;
                }
            }
        }
        if negative.len() + qubits != operands {
            let of = if negative.is_empty() { "" } else { " with its controls" };
            let message =
                format!("`{}`{of} takes {} qubit(s), not {operands}", escaped(name), negative.len() + qubits);
            return Err(Fault::at(call.gate, message));
        }
        let itself = BodyStep {
            gate: Some(id),
            controls: negative.len() as u32,
            inverse,
            repeats,
            wires: (0..operands as u32).collect(),
        };
        let flips = |flip: &(u32, bool)| if flip.1 { Some(flip.0) } else { None };
        let flipped: Vec<u32> = (0..).zip(negative).filter_map(|flip| flips(&flip)).collect();
        match self.gates.x().filter(|_| !flipped.is_empty() && (operands > 2 || !single)) {
            None => Ok(smallvec![itself]),
            Some(x) => {
                let around = || flipped.iter().map(|wire| BodyStep::plain(x, [*wire]));
                Ok(around().chain([itself]).chain(around()).collect())
            }
        }
    }

    /// A parameter of a gate: any value but none that is infinite or no number.
    fn angle(&mut self, expression: &Expression) -> Result<(), Fault> {
        match self.value(expression, None)? {
            Some(value) if !value.is_finite() => {
                Err(Fault::at(expression.span, "the parameter of a gate is not a finite number"))
            }
            _ => Ok(()),
        }
    }

    fn unknown_gate(&self, gate: Span) -> Fault {
        let name = gate.of(self.text);
        let hint = match (self.gates.library_with(name), near(name, self.gates.names()).first()) {
            (Some(file), _) => format!("it comes with include \"{file}\";"),
            (None, Some(nearest)) => format!("did you mean `{}`?", escaped(nearest)),
            (None, None) => {
                format!("define it before its first use, or include \"{}\";", self.gates.library())
            }
        };
        Fault::at(gate, format!("no gate is called `{}`; hint: {hint}", escaped(name)))
    }

    fn differ(&self, qubits: &[u32], span: Span) -> Result<(), Fault> {
        let twice = match qubits {
            [] | [_] => false,
            [a, b] => a == b,
            _ => {
                let mut sorted: Qubits = SmallVec::from_slice(qubits);
                sorted.sort_unstable();
                sorted.windows(2).any(|pair| pair[0] == pair[1])
            }
        };
        if twice { Err(Fault::at(span, "a gate cannot act on one qubit twice")) } else { Ok(()) }
    }

    /// One part of a gate: `around` are the qubits of the gate it belongs to, `controls` those that were added outside.
    fn apply(
        &mut self,
        step: &BodyStep,
        controls: &[u32],
        around: &[u32],
        inverse: bool,
        span: Span,
    ) -> Result<(), Fault> {
        let own = step.wires.iter().map(|wire| around[*wire as usize]);
        let Some(id) = step.gate else {
            self.spend(step.wires.len(), span)?;
            self.meter.barrier(own);
            return Ok(());
        };
        let (more, rest) = step.wires.split_at(step.controls as usize);
        let controls: Qubits =
            controls.iter().copied().chain(more.iter().map(|wire| around[*wire as usize])).collect();
        let qubits: Qubits = rest.iter().map(|wire| around[*wire as usize]).collect();
        for _ in 0..step.repeats {
            self.perform(id, &controls, &qubits, inverse ^ step.inverse, span)?;
        }
        Ok(())
    }

    /// A gate with added controls.
    fn perform(
        &mut self,
        id: GateId,
        controls: &[u32],
        qubits: &[u32],
        inverse: bool,
        span: Span,
    ) -> Result<(), Fault> {
        let total = controls.len() + qubits.len();
        self.spend(total + self.conditions.len(), span)?;
        let gate = self.gates.get(id);
        let known = gate.controlled.filter(|_| !controls.is_empty());
        let parts = match &gate.kind {
            GateKind::Idle => {
                for qubit in controls.iter().chain(qubits) {
                    self.meter.idle(*qubit, &self.conditions);
                }
                return Ok(());
            }
            GateKind::Single if total <= 2 => {
                let all: Qubits = controls.iter().chain(qubits).copied().collect();
                self.meter.gate(&all, &self.conditions);
                return Ok(());
            }
            GateKind::Single | GateKind::Body(_) if known.is_some() => {
                known.and_then(|(root, own)| self.gates.controlled(root, own + controls.len() as u32))
            }
            GateKind::Body(body) => {
                let body = body.clone();
                return self.perform_all(&body, controls, qubits, inverse, span);
            }
            GateKind::Single | GateKind::Opaque => None,
        };
        let Some(parts) = parts else {
            let name = escaped(&gate.name);
            let message = match (&gate.kind, controls.len()) {
                (GateKind::Opaque, _) => {
                    format!("the gate `{name}` acts on {} qubits and has no definition", gate.qubits)
                }
                (_, added) => {
                    format!("no expansion of the gate `{name}` with {added} added control(s) is known")
                }
            };
            return Err(Fault::at(
                span,
                format!("{message}; hint: define it by gates on one and two qubits"),
            ));
        };
        let all: Qubits = controls.iter().chain(qubits).copied().collect();
        self.perform_all(&parts, &[], &all, inverse, span)
    }

    fn perform_all(
        &mut self,
        parts: &[BodyStep],
        controls: &[u32],
        qubits: &[u32],
        inverse: bool,
        span: Span,
    ) -> Result<(), Fault> {
        if inverse {
            parts.iter().rev().try_for_each(|part| self.apply(part, controls, qubits, true, span))
        } else {
            parts.iter().try_for_each(|part| self.apply(part, controls, qubits, false, span))
        }
    }
}
