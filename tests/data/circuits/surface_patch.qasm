// Four data qubits, one X check and one Z check, three rounds, in OpenQASM 3.
OPENQASM 3.0;
include "stdgates.inc";
const int rounds = 3;
qubit[4] data;
qubit[2] check;
bit[2] syndrome;
bit[4] out;
reset data;
for int round in [1:rounds] {
  h check[0];
  for int i in [0:3] { cx check[0], data[i]; }
  h check[0];
  for int i in [0:3] { cx data[i], check[1]; }
  syndrome = measure check;
  reset check;
  barrier;
}
out = measure data;
