#!/usr/bin/env bash
# GNU addr2line 2.40 (binutils-riscv64-unknown-elf, Debian 12) leaves out the frame of an inlined function whose code lies in
# several pieces, where clang 14 wrote DWARF 5: file and line are the inlined function's, the name is its caller's.
#
# clang names such a function's pieces by an index into a table of range lists (DW_FORM_rnglistx). addr2line finds the
# unit's own list, which is written the same way, but not an inlined call's; in DWARF 4, and of a call that lies in one
# piece, it tells both frames. llvm-symbolizer 14 tells them always.
#
# So a trace that addr2line makes of such a program shows a line in a function that is not named; -gdwarf-4 helps.
#
# Output seen, names of the frames at one address of the inlined code, innermost first:
#   DWARF 5: addr2line _start, llvm-symbolizer twice _start
#   DWARF 4: addr2line twice _start, llvm-symbolizer twice _start
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -qq binutils-riscv64-unknown-elf=2.40-2+4+b1 {llvm-14,clang-14,lld-14,libllvm14,libclang-cpp14,libclang-common-14-dev}=1:14.0.6-12 >/dev/null
for package in *.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$dir/root/usr/lib/x86_64-linux-gnu:$dir/root/usr/lib/llvm-14/lib
llvm=$dir/root/usr/lib/llvm-14/bin

cat >program.c <<'C'
int sink(int);
static inline int twice(int x) { return sink(x) + sink(x + 1); }
int _start(void) {
  int sum = 0;
  for (int i = 0; i < 10; i++) sum += twice(i);
  return sum;
}
C
cat >sink.c <<'C'
volatile int kept;
int sink(int x) { kept = x; return kept + 1; }
C

# Of the first address whose line is of the inlined function.
frames() {
  "$llvm/clang" --target=riscv32-unknown-elf -march=rv32imac -mabi=ilp32 -O2 -g "-gdwarf-$1" -c program.c sink.c
  "$llvm/ld.lld" -Ttext=0x20000000 program.o sink.o -o program.elf
  local address gnu clang
  for address in $(seq 0 2 200); do
    address=$(printf '0x%x' $((0x20000000 + address)))
    clang=$("$llvm/llvm-symbolizer" --obj=program.elf --output-style=GNU "$address" | sed -n '1~2p' | xargs)
    [ "$clang" = "twice _start" ] && break
  done
  gnu=$("$dir/root/usr/bin/riscv64-unknown-elf-addr2line" -fi -e program.elf "$address" | sed -n '1~2p' | xargs)
  echo "DWARF $1: addr2line $gnu, llvm-symbolizer $clang"
}

seen=$(frames 5; frames 4)
echo "$seen"
[ "$seen" = "DWARF 5: addr2line _start, llvm-symbolizer twice _start
DWARF 4: addr2line twice _start, llvm-symbolizer twice _start" ]
