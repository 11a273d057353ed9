//! Reading of calculations: angles, sizes, indices and conditions.
//!
//! Promises postfix steps whose every operator finds its values on the stack. Leaves names to the reader.

use super::error::{Fault, Span};
use super::lexer::Kind;
use super::parser::{Parser, Version};
use super::syntax::{Expression, Function, Operator, Step};
use crate::config_file::shown::escaped;

/// Functions by name, in both versions of the language.
const FUNCTIONS: [(&str, Function); 38] = [
    ("sin", Function::Sin),
    ("cos", Function::Cos),
    ("tan", Function::Tan),
    ("exp", Function::Exp),
    ("ln", Function::Ln),
    ("log", Function::Ln),
    ("sqrt", Function::Sqrt),
    ("asin", Function::Arcsin),
    ("acos", Function::Arccos),
    ("atan", Function::Arctan),
    ("arcsin", Function::Arcsin),
    ("arccos", Function::Arccos),
    ("arctan", Function::Arctan),
    ("int", Function::Integer),
    ("uint", Function::Integer),
    ("float", Function::Float),
    ("angle", Function::Float),
    ("bool", Function::Other),
    ("bit", Function::Other),
    ("duration", Function::Other),
    ("durationof", Function::Other),
    ("complex", Function::Other),
    ("pow", Function::Other),
    ("mod", Function::Other),
    ("floor", Function::Other),
    ("ceiling", Function::Other),
    ("popcount", Function::Other),
    ("rotl", Function::Other),
    ("rotr", Function::Other),
    ("sizeof", Function::Other),
    ("real", Function::Other),
    ("imag", Function::Other),
    ("abs", Function::Other),
    ("min", Function::Other),
    ("max", Function::Other),
    ("sinh", Function::Other),
    ("cosh", Function::Other),
    ("tanh", Function::Other),
];

/// How tightly an operator binds on its left and right side; larger is tighter.
fn binary(symbol: &str, version: Version) -> Option<(u8, u8, Operator, bool)> {
    // The last value says whether the result is turned round: a > b is not (a <= b).
    Some(match symbol {
        "||" => (1, 2, Operator::Or, false),
        "&&" => (3, 4, Operator::And, false),
        "|" => (5, 6, Operator::Bitwise, false),
        "^" if version == Version::Three => (7, 8, Operator::Bitwise, false),
        "&" => (9, 10, Operator::Bitwise, false),
        "==" => (11, 12, Operator::Equal, false),
        "!=" => (11, 12, Operator::NotEqual, false),
        "<" => (13, 14, Operator::Less, false),
        "<=" => (13, 14, Operator::LessOrEqual, false),
        ">" => (13, 14, Operator::LessOrEqual, true),
        ">=" => (13, 14, Operator::Less, true),
        "<<" | ">>" => (15, 16, Operator::Bitwise, false),
        "+" => (17, 18, Operator::Add, false),
        "-" => (17, 18, Operator::Subtract, false),
        "*" => (19, 20, Operator::Multiply, false),
        "/" => (19, 20, Operator::Divide, false),
        "%" => (19, 20, Operator::Remainder, false),
        // To the right first: 2^3^2 is 2^9.
        "^" | "**" => (24, 23, Operator::Power, false),
        _ => return None,
    })
}

/// Of a sign before a value: -2^2 is -4.
const UNARY: u8 = 22;

impl Parser<'_> {
    /// A whole calculation.
    pub(super) fn expression(&mut self) -> Result<Expression, Fault> {
        let start = self.token.span;
        let mut steps = Vec::new();
        self.binding(0, &mut steps)?;
        Ok(Expression { span: start.to(self.last), steps })
    }

    /// What binds at least as tightly as `least`.
    fn binding(&mut self, least: u8, steps: &mut Vec<Step>) -> Result<(), Fault> {
        self.deeper()?;
        self.primary(steps)?;
        while let Kind::Symbol(symbol) = self.token.kind
            && let Some((left, right, operator, negated)) = binary(symbol, self.version)
            && left >= least
        {
            self.advance()?;
            self.binding(right, steps)?;
            steps.push(Step::Binary(operator));
            if negated {
                steps.push(Step::Not);
            }
        }
        self.nesting -= 1;
        Ok(())
    }

    fn primary(&mut self, steps: &mut Vec<Step>) -> Result<(), Fault> {
        let span = self.token.span;
        match self.token.kind {
            Kind::Integer(value) => {
                steps.push(Step::Number(value as f64));
                self.advance()
            }
            Kind::Real(value) => {
                steps.push(Step::Number(value));
                self.advance()
            }
            Kind::Duration | Kind::Text => {
                steps.push(Step::Unknown);
                self.advance()
            }
            Kind::Symbol("(") => {
                self.advance()?;
                self.binding(0, steps)?;
                self.expect(")")
            }
            Kind::Symbol("+") => {
                self.advance()?;
                self.binding(UNARY, steps)
            }
            Kind::Symbol("-") => {
                self.advance()?;
                self.binding(UNARY, steps)?;
                steps.push(Step::Minus);
                Ok(())
            }
            Kind::Symbol("!") => {
                self.advance()?;
                self.binding(UNARY, steps)?;
                steps.push(Step::Not);
                Ok(())
            }
            Kind::Symbol("~") => {
                self.advance()?;
                self.binding(UNARY, steps)?;
                steps.push(Step::Function(Function::Other, 1));
                Ok(())
            }
            Kind::Name => self.named(span, steps),
            _ => Err(self.unexpected("a number, a name or a bracket")),
        }
    }

    /// A constant, a value, a bit of a register, a function or a cast.
    fn named(&mut self, name: Span, steps: &mut Vec<Step>) -> Result<(), Fault> {
        let text = name.of(self.text);
        self.advance()?;
        let constant = match text {
            "pi" | "π" => Some(std::f64::consts::PI),
            "tau" | "τ" if self.version == Version::Three => Some(std::f64::consts::TAU),
            "euler" | "ℇ" if self.version == Version::Three => Some(std::f64::consts::E),
            "true" if self.version == Version::Three => Some(1.0),
            "false" if self.version == Version::Three => Some(0.0),
            _ => None,
        };
        if let Some(value) = constant {
            steps.push(Step::Number(value));
            return Ok(());
        }
        let function = FUNCTIONS.iter().find(|(known, _)| *known == text).map(|(_, function)| *function);
        if self.at("[") {
            self.advance()?;
            // The width of a cast has no say in its value.
            if function.is_some() && self.version == Version::Three {
                self.binding(0, &mut Vec::new())?;
                self.expect("]")?;
            } else {
                self.binding(0, steps)?;
                if self.at(":") {
                    return Err(Fault::at(
                        name.to(self.token.span),
                        "a slice is no value; hint: name a single bit or the whole register",
                    ));
                }
                self.expect("]")?;
                steps.push(Step::Element(name));
                return Ok(());
            }
        }
        // A parameter may have the name of a function of the other version, such as `angle`.
        if !self.at("(") {
            steps.push(Step::Name(name));
            return Ok(());
        }
        let Some(function) = function else {
            let known: Vec<&str> = FUNCTIONS.iter().map(|(known, _)| *known).collect();
            let message = format!(
                "no function is called `{}`; hint: functions are {}",
                escaped(text),
                known.join(", ")
            );
            return Err(Fault::at(name, message));
        };
        self.advance()?;
        let mut values = 0;
        while !self.at(")") {
            self.binding(0, steps)?;
            values += 1;
            if !self.at(",") {
                break;
            }
            self.advance()?;
        }
        self.expect(")")?;
        let wanted = if function == Function::Other { values.max(1) } else { 1 };
        if values != wanted {
            let message = format!("`{}` takes one value, not {values}", escaped(text));
            return Err(Fault::at(name.to(self.last), message));
        }
        steps.push(Step::Function(function, values));
        Ok(())
    }
}
