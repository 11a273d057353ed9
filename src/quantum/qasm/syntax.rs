//! What the parser finds: statements, operands and expressions, with the places they stand at.
//!
//! Promises no tree that is deep: expressions are kept in postfix order, blocks nest at most as deep as the parser
//! lets them. Leaves what names mean to the reader.

use smallvec::SmallVec;

use super::error::Span;

/// A statement and its place.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) span: Span,
    pub(super) kind: StatementKind,
}

/// What a statement does.
#[derive(Debug, Clone)]
pub(super) enum StatementKind {
    /// Nothing that counts.
    Nothing,
    /// Makes the gates of a standard file known.
    Include(Library),
    /// `qreg q[3];`, `qubit[3] q;`, `qubit q;`.
    Qubits { name: Span, size: Option<Expression> },
    /// `creg c[3];`, `bit[3] c;`, `bit c = measure q;`.
    Bits { name: Span, size: Option<Expression>, measured: Option<Operand> },
    /// A value: `input float a;`, `const int n = 3;`, `int i = 0;`. Only constants are known.
    Value { name: Span, constant: Option<Expression> },
    /// A value changes.
    Assign { target: Operand },
    /// `let a = q[0:2] ++ r;`.
    Alias { name: Span, parts: Vec<Operand> },
    /// A gate made of gates.
    Gate(GateForm),
    /// A gate without a definition.
    Opaque(GateForm),
    /// A gate at work.
    Call(Call),
    /// All qubits when the list is empty.
    Barrier(SmallVec<[Operand; 2]>),
    /// All qubits when the list is empty.
    Delay(SmallVec<[Operand; 2]>),
    /// To |0>.
    Reset(SmallVec<[Operand; 2]>),
    /// `measure q -> c;`, `c = measure q;`, `measure q;`.
    Measure { from: Operand, into: Option<Operand> },
    /// A choice at run time, or at once where the condition is constant.
    If { condition: Expression, then: Vec<Statement>, otherwise: Vec<Statement> },
    /// A loop over values.
    For { name: Span, values: LoopValues, body: Vec<Statement> },
    /// Statements that belong together.
    Block(Vec<Statement>),
}

/// A standard file of gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Library {
    /// `qelib1.inc`, with what Qiskit adds to it.
    Qelib1,
    /// `stdgates.inc`.
    Stdgates,
}

/// Head and body of a gate definition.
#[derive(Debug, Clone)]
pub(super) struct GateForm {
    pub(super) name: Span,
    pub(super) parameters: Vec<Span>,
    pub(super) qubits: Vec<Span>,
    /// Calls and barriers.
    pub(super) body: Vec<Statement>,
}

/// A gate with its modifiers, outermost first.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) modifiers: SmallVec<[Modifier; 1]>,
    pub(super) gate: Span,
    pub(super) parameters: Vec<Expression>,
    pub(super) operands: SmallVec<[Operand; 2]>,
}

/// What stands before `@`.
#[derive(Debug, Clone)]
pub(super) enum Modifier {
    /// `inv @`.
    Inverse,
    /// `pow(2) @`.
    Power(Expression),
    /// `ctrl @`, `ctrl(2) @`, and `negctrl`.
    Control { count: Option<Expression>, negative: bool },
}

/// A register, or some of it.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) span: Span,
    pub(super) base: Base,
    pub(super) index: Index,
}

/// What an operand is a part of.
#[derive(Debug, Clone, Copy)]
pub(super) enum Base {
    /// A register or an alias.
    Named(Span),
    /// A qubit of the hardware.
    Hardware(u32),
}

/// Which part of a register.
#[derive(Debug, Clone)]
pub(super) enum Index {
    /// All of it.
    Whole,
    /// `[3]`, the usual case.
    Number(u64),
    /// `[n - 1]`.
    One(Expression),
    /// `[a:b]`, `[a:step:b]`, both ends included.
    Range(Box<RangeForm>),
    /// `[{0, 2}]`.
    Set(Vec<Expression>),
}

/// `a:step:b`, each of which may be left out in an index.
#[derive(Debug, Clone)]
pub(super) struct RangeForm {
    pub(super) first: Option<Expression>,
    pub(super) step: Option<Expression>,
    pub(super) last: Option<Expression>,
}

/// What a loop runs over.
#[derive(Debug, Clone)]
pub(super) enum LoopValues {
    /// `in [0:3]`.
    Range(RangeForm),
    /// `in {0, 3, 4}`.
    Set(Vec<Expression>),
    /// Known only at run time.
    Unknown,
}

/// A calculation in postfix order.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    pub(super) span: Span,
    pub(super) steps: Vec<Step>,
}

/// One step of a calculation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Pushes a number.
    Number(f64),
    /// Pushes what is known only at run time.
    Unknown,
    /// Pushes a value; a register of bits is read as a whole.
    Name(Span),
    /// Replaces an index by one bit of a register.
    Element(Span),
    /// Replaces the last value.
    Minus,
    /// Replaces the last value by 1 if it is 0, else by 0.
    Not,
    /// Replaces the last two values.
    Binary(Operator),
    /// Replaces so many values.
    Function(Function, u32),
}

/// Operators with two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    And,
    Or,
    /// Operators on bits: parsed, not computed.
    Bitwise,
}

/// Functions that are computed; casts and the rest are [`Function::Other`], whose value is taken as unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Sin,
    Cos,
    Tan,
    Exp,
    Ln,
    Sqrt,
    Arcsin,
    Arccos,
    Arctan,
    Integer,
    Float,
    Other,
}
