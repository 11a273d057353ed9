// swap_test:7
OPENQASM 2.0;
include "qelib1.inc";
qreg q[7];
creg c[7];
ry(1.627275413204904) q[1];
ry(3.5594423060153555) q[2];
ry(4.729496598430094) q[3];
ry(3.4674064635279094) q[4];
ry(4.862998873160449) q[5];
ry(2.3776054627416108) q[6];
h q[0];
cswap q[0],q[1],q[4];
cswap q[0],q[2],q[5];
cswap q[0],q[3],q[6];
h q[0];
measure q[0] -> c[0];
