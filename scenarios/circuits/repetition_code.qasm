// Distance-3 repetition code: two rounds of syndrome extraction with reset, then the data.
OPENQASM 2.0;
include "qelib1.inc";
gate parity a, s, b { cx a, s; cx b, s; }
qreg data[3];
qreg anc[2];
creg round0[2];
creg round1[2];
creg out[3];
x data;
barrier data, anc;
parity data[0], anc[0], data[1];
parity data[1], anc[1], data[2];
measure anc -> round0;
reset anc;
barrier data, anc;
parity data[0], anc[0], data[1];
parity data[1], anc[1], data[2];
measure anc -> round1;
if(round1==1) x data[0];
if(round1==2) x data[2];
if(round1==3) x data[1];
measure data -> out;
