#!/usr/bin/env bash
# Plants each fault of this folder in a copy of the last commit and runs the tests that its patch names: test files in
# lines `# caught by: TEST TEST`, unit tests in lines `# caught by: lib FILTER`. Prints a table (fault, tests that found
# it, seconds) and exits 1 if a fault lives, or does not apply any more. A test that does not end within ten minutes is
# marked `(no end)`. One fault costs a build: all take two hours on two cores.
#
#   tests/mutations/run.sh                  all of them
#   tests/mutations/run.sh guard_forgotten  some of them
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(git -C "$here" rev-parse --show-toplevel)
work=$top/target/mutations
copy=$work/copy

if [ $# -gt 0 ]; then
  patches=("${@/#/$here/}")
  patches=("${patches[@]/%/.patch}")
else
  patches=("$here"/*.patch)
fi

rm -rf "$copy"
mkdir -p "$work"
git clone --quiet --shared "$top" "$copy"
cd "$copy"
export CARGO_TARGET_DIR=$work/build CARGO_TERM_COLOR=never INSTA_UPDATE=no RUST_BACKTRACE=0
# That a history fails is what is asked, not the shortest one that does.
export PROPTEST_MAX_SHRINK_ITERS=0

lived=0
printf '%-32s %-44s %s\n' fault ' found by' seconds
for patch in "${patches[@]}"; do
  name=$(basename "$patch" .patch)
  began=$SECONDS
  if ! git apply "$patch" 2>"$work/apply.log"; then
    printf '%-32s %s\n' "$name" 'does not apply'
    lived=1
    continue
  fi
  found=
  # Each a target of cargo, and a filter where it is `lib`.
  targets=()
  while read -r first rest; do
    if [ "$first" = lib ]; then
      targets+=("--lib $rest")
    else
      for test in $first $rest; do targets+=("--test $test"); done
    fi
  done < <(sed -n 's/^# caught by: //p' "$patch")
  for target in "${targets[@]}"; do
    read -r kind name_or_filter <<<"$target"
    case $kind in
      --lib) build=(--lib) run=(--lib "$name_or_filter") label=lib ;;
      *) build=(--test "$name_or_filter") run=("${build[@]}") label=$name_or_filter ;;
    esac
    cargo test --locked --quiet --no-run "${build[@]}" >"$work/$name.log" 2>&1 || {
      found="does not compile, see target/mutations/$name.log"
      break
    }
    ended=0
    timeout 600 cargo test --locked --quiet "${run[@]}" >>"$work/$name.log" 2>&1 || ended=$?
    case $ended in 0) ;; 124) found="$found $label(no end)" ;; *) found="$found $label" ;; esac
  done
  case $found in '' | does*) lived=1 ;; esac
  printf '%-32s %-44s %s\n' "$name" "${found:- NOBODY}" $((SECONDS - began))
  git checkout --quiet .
done
exit $lived
