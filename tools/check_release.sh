#!/usr/bin/env bash
# Builds sdist and wheel, installs the wheel in empty environments, with the newest and with the oldest dependencies
# that pyproject.toml allows, and runs it there: from another folder, without compilers, on an empty cache. With the
# newest it is the self-test alone, with the oldest the demonstration and a sweep, too.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}
dist=$PWD/dist
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rm -rf "$dist"
"$python" -m venv "$work/tools"
"$work/tools/bin/pip" install -q 'build>=1.2' 'uv>=0.4'
"$work/tools/bin/python" -m build -o "$dist" . > "$work/build.log" || { cat "$work/build.log"; exit 1; }
requirements=$PWD/pyproject.toml
wheel=$(echo "$dist"/tutelage-*.whl)
cd "$work"
sweep=$work/sweep.toml
cat > "$sweep" << 'END'
[student]
units = 2

[teacher]
units = 2

[time]
alpha_max = 5.0
points = 5

[simulation]
dim = 50
replicas = 2

[sweep]

[[sweep.axes]]
name = "rule.lr"
values = [0.1, 0.5]
END
for versions in highest lowest-direct; do
    echo "== $versions: $(basename "$wheel")"
    "$work/tools/bin/uv" venv -q --python "$python" "$versions"
    export VIRTUAL_ENV=$work/$versions
    "$work/tools/bin/uv" pip install -q --resolution "$versions" -r "$requirements" --extra images --extra cluster
    "$work/tools/bin/uv" pip install -q --no-deps "$wheel"
    mkdir no-compilers-"$versions"
    run() { env -i HOME="$work" PATH="$work/no-compilers-$versions" XDG_CACHE_HOME="$work/cache-$versions" "$work/$versions/bin/tutelage" "$@"; }
    run doctor
    [ "$versions" = highest ] && continue  # the tests run with these
    run demo -o "demo-$versions"
    test -s "demo-$versions/learning_curve.png"
    run sweep "$sweep" -j 2 -o "sweep-$versions"
    test -s "sweep-$versions/dataset.nc"
done
echo "sdist and wheel are in $dist"
