// A uniformly controlled rotation by definitions within definitions, and a register that stays idle.
OPENQASM 2.0;
include "qelib1.inc";
gate half(angle) c, t { ry(angle/2) t; cx c, t; ry(-angle/2) t; cx c, t; }
gate select(a, b) s0, s1, t {
  half(a + b) s0, t;
  barrier s0, s1, t;
  half(a - b) s1, t;
  ccx s0, s1, t;
}
qreg control[2];
qreg target[3];
qreg spare[1];
creg c[3];
h control;
select(pi/5, -0.3) control[0], control[1], target[0];
select(2*pi/7, cos(0.1)) control[1], control[0], target[1];
rccx target[0], target[1], target[2];
c3x control[0], control[1], target[0], target[2];
measure target -> c;
