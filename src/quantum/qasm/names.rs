//! Names and values: what a name means at a place of the file, and what a calculation gives.
//!
//! Promises indices within their registers. Leaves what is known only at run time open, as no value.

use super::error::{Fault, Span};
use super::reader::Reader;
use super::symbol::{Symbol, Wires};
use super::syntax::{Base, Expression, Function, Index, Operand, Operator, Step};
use crate::config_file::shown::{escaped, near};

impl Reader<'_> {
    pub(super) fn declare(&mut self, name: Span, symbol: Symbol) -> Result<(), Fault> {
        let text = name.of(self.text);
        let twice = self.scopes.last_mut().is_some_and(|scope| scope.insert(text, symbol).is_some());
        if twice {
            return Err(Fault::at(name, format!("the name `{}` is declared twice", escaped(text))));
        }
        Ok(())
    }

    fn find(&self, name: Span) -> Option<&Symbol> {
        let text = name.of(self.text);
        self.scopes.iter().rev().find_map(|scope| scope.get(text))
    }

    fn unknown(&self, name: Span, what: &str) -> Fault {
        let text = name.of(self.text);
        let known = || self.scopes.iter().flat_map(|scope| scope.keys().copied());
        let names: Vec<String> = known().take(20).map(escaped).collect();
        let hint = match (near(text, known()).first(), names.is_empty()) {
            (Some(nearest), _) => format!("did you mean `{}`?", escaped(nearest)),
            (None, false) => format!("declared are {}", names.join(", ")),
            (None, true) => "nothing has been declared before this line".to_owned(),
        };
        Fault::at(name, format!("no {what} is called `{}`; hint: {hint}", escaped(text)))
    }

    /// The qubits that an operand names.
    pub(super) fn qubits(&mut self, operand: &Operand) -> Result<Wires, Fault> {
        let name = match operand.base {
            Base::Hardware(number) => return self.hardware_qubit(number, operand.span).map(Wires::One),
            Base::Named(name) => name,
        };
        match self.find(name) {
            Some(Symbol::Qubits(wires)) => {
                let wires = wires.clone();
                self.part(operand, wires)
            }
            Some(_) => Err(Fault::at(name, format!("`{}` holds no qubits", self.shown(name)))),
            None => Err(self.unknown(name, "qubit or register of qubits")),
        }
    }

    /// Where a result goes; `None` for a value, which nothing waits for.
    pub(super) fn target(&mut self, operand: &Operand) -> Result<Option<Wires>, Fault> {
        match operand.base {
            Base::Named(name) if matches!(self.find(name), Some(Symbol::Value(None))) => Ok(None),
            _ => self.bits(operand).map(Some),
        }
    }

    /// The classical bits that an operand names.
    fn bits(&mut self, operand: &Operand) -> Result<Wires, Fault> {
        let name = match operand.base {
            Base::Hardware(_) => {
                return Err(Fault::at(operand.span, "a hardware qubit holds no classical bits"));
            }
            Base::Named(name) => name,
        };
        match self.find(name) {
            Some(Symbol::Bits(wires)) => {
                let wires = wires.clone();
                self.part(operand, wires)
            }
            Some(_) => Err(Fault::at(name, format!("`{}` holds no classical bits", self.shown(name)))),
            None => Err(self.unknown(name, "classical bit or register of bits")),
        }
    }

    /// A change of a classical value costs nothing, but its target has to exist.
    pub(super) fn assign(&mut self, target: &Operand) -> Result<(), Fault> {
        let Base::Named(name) = target.base else { return Ok(()) };
        match self.find(name) {
            Some(Symbol::Bits(_)) => self.bits(target).map(|_| ()),
            Some(Symbol::Value(None)) => Ok(()),
            Some(Symbol::Value(Some(_))) => {
                Err(Fault::at(name, format!("`{}` is constant", self.shown(name))))
            }
            Some(Symbol::Qubits(_)) => {
                Err(Fault::at(name, format!("`{}` holds qubits, not a value", self.shown(name))))
            }
            None => Err(self.unknown(name, "value or register of bits")),
        }
    }

    fn part(&mut self, operand: &Operand, wires: Wires) -> Result<Wires, Fault> {
        let length = wires.len() as i64;
        if matches!(wires, Wires::One(_)) && !matches!(operand.index, Index::Whole) {
            let shown = self.shown(operand.span);
            return Err(Fault::at(operand.span, format!("`{shown}` has an index, but is a single element")));
        }
        Ok(match &operand.index {
            Index::Whole => wires,
            Index::Number(number) => {
                let place = i64::try_from(*number).unwrap_or(i64::MAX);
                Wires::One(wires.get(self.place(place, length, operand)?))
            }
            Index::One(expression) => {
                let place = self.integer(expression, "an index")?;
                Wires::One(wires.get(self.place(place, length, operand)?))
            }
            Index::Set(set) => {
                let mut list = Vec::with_capacity(set.len());
                for expression in set {
                    let place = self.integer(expression, "an index")?;
                    list.push(wires.get(self.place(place, length, operand)?));
                }
                Wires::list(list)
            }
            Index::Range(range) => {
                let mut bound = |form: &Option<Expression>, default: i64| match form {
                    Some(expression) => self.integer(expression, "a bound of a slice"),
                    None => Ok(default),
                };
                let (first, step, last) =
                    (bound(&range.first, 0)?, bound(&range.step, 1)?, bound(&range.last, length - 1)?);
                if step == 0 {
                    return Err(Fault::at(operand.span, "the step of a slice cannot be 0"));
                }
                let (first, last) =
                    (self.place(first, length, operand)? as i64, self.place(last, length, operand)? as i64);
                let mut list = Vec::new();
                let mut place = first;
                while if step > 0 { place <= last } else { place >= last } {
                    self.spend(1, operand.span)?;
                    list.push(wires.get(place as usize));
                    place = place.saturating_add(step);
                }
                Wires::list(list)
            }
        })
    }

    /// A place below `length`; negative ones count from the end.
    fn place(&self, place: i64, length: i64, operand: &Operand) -> Result<usize, Fault> {
        let inside = if place < 0 { place.saturating_add(length) } else { place };
        if (0..length).contains(&inside) {
            return Ok(inside as usize);
        }
        let message = match length {
            0 => format!("index {place} is out of range; hint: the register is empty"),
            _ => {
                format!("index {place} is out of range; hint: the register has elements 0 to {}", length - 1)
            }
        };
        Err(Fault::at(operand.span, message))
    }

    /// A whole number that is known before the run.
    pub(super) fn integer(&mut self, expression: &Expression, what: &str) -> Result<i64, Fault> {
        match self.value(expression, None)? {
            // Beyond 2^53 neighbouring whole numbers are one number.
            Some(value) if libm::trunc(value) == value && value.abs() < 9e15 => Ok(value as i64),
            Some(_) => Err(Fault::at(expression.span, format!("{what} must be a whole number"))),
            None => Err(Fault::at(expression.span, format!("{what} must be known before the run"))),
        }
    }

    /// What a calculation gives, `None` where that is known only at run time; adds the bits that it reads.
    pub(super) fn value(
        &mut self,
        expression: &Expression,
        mut bits: Option<&mut Vec<u32>>,
    ) -> Result<Option<f64>, Fault> {
        let mut stack: Vec<Option<f64>> = Vec::new();
        self.spend(expression.steps.len(), expression.span)?;
        for step in &expression.steps {
            let value = match *step {
                Step::Number(number) => Some(number),
                Step::Unknown => None,
                Step::Name(name) => match self.find(name) {
                    Some(Symbol::Value(value)) => *value,
                    Some(Symbol::Bits(wires)) => {
                        let wires = wires.clone();
                        if let Some(bits) = bits.as_deref_mut() {
                            self.spend(wires.len(), name)?;
                            bits.extend(wires.iter());
                        }
                        None
                    }
                    Some(Symbol::Qubits(_)) => {
                        let message = format!("`{}` holds qubits, not a value", self.shown(name));
                        return Err(Fault::at(name, message));
                    }
                    None => return Err(self.unknown(name, "value")),
                },
                Step::Element(name) => {
                    let place = stack.pop().flatten();
                    match (self.find(name), bits.as_deref_mut()) {
                        (Some(Symbol::Bits(wires)), Some(bits)) => match place {
                            Some(place) if place >= 0.0 && place < wires.len() as f64 => {
                                bits.push(wires.get(place as usize));
                            }
                            Some(_) => {
                                let message = format!("an index of `{}` is out of range", self.shown(name));
                                return Err(Fault::at(name, message));
                            }
                            // Any of them may be read.
                            None => {
                                let wires = wires.clone();
                                self.spend(wires.len(), name)?;
                                bits.extend(wires.iter());
                            }
                        },
                        (Some(Symbol::Bits(_) | Symbol::Value(_)), _) => {}
                        (Some(Symbol::Qubits(_)), _) => {
                            let message = format!("`{}` holds qubits, not values", self.shown(name));
                            return Err(Fault::at(name, message));
                        }
                        (None, _) => return Err(self.unknown(name, "value")),
                    }
                    None
                }
                Step::Minus => stack.pop().flatten().map(|value| -value),
                Step::Not => stack.pop().flatten().map(|value| f64::from(u8::from(value == 0.0))),
                Step::Binary(operator) => {
                    let right = stack.pop().flatten();
                    let left = stack.pop().flatten();
                    left.zip(right).and_then(|(left, right)| binary(operator, left, right))
                }
                Step::Function(function, values) => {
                    let last = stack.pop().flatten();
                    stack.truncate(stack.len().saturating_sub(values as usize - 1));
                    last.and_then(|value| applied(function, value))
                }
            };
            stack.push(value);
        }
        Ok(stack.pop().flatten())
    }
}

fn binary(operator: Operator, left: f64, right: f64) -> Option<f64> {
    let truth = |value: bool| f64::from(u8::from(value));
    Some(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Remainder => libm::fmod(left, right),
        Operator::Power => libm::pow(left, right),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::And => truth(left != 0.0 && right != 0.0),
        Operator::Or => truth(left != 0.0 || right != 0.0),
        Operator::Bitwise => return None,
    })
}

fn applied(function: Function, value: f64) -> Option<f64> {
    Some(match function {
        Function::Sin => libm::sin(value),
        Function::Cos => libm::cos(value),
        Function::Tan => libm::tan(value),
        Function::Exp => libm::exp(value),
        Function::Ln => libm::log(value),
        Function::Sqrt => libm::sqrt(value),
        Function::Arcsin => libm::asin(value),
        Function::Arccos => libm::acos(value),
        Function::Arctan => libm::atan(value),
        Function::Integer => libm::trunc(value),
        Function::Float => value,
        Function::Other => return None,
    })
}
