#!/usr/bin/env bash
# Writes the lock files from pyproject.toml, with uv from a throw-away environment.
# Pins already in a lock file stay; pass --upgrade to take the newest releases.
set -euo pipefail
cd "$(dirname "$0")/.."

TOOLS="$(mktemp -d)"
readonly TOOLS
trap 'rm -rf "$TOOLS"' EXIT

compile() {
    "$TOOLS/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header "$@" >/dev/null
}

# The build backend that pyproject.toml names, so that the project installs without fetching anything unpinned.
build_requirements() {
    "$TOOLS/bin/python" -c \
        'import pathlib, tomllib; print(*tomllib.loads(pathlib.Path("pyproject.toml").read_text())["build-system"]["requires"], sep="\n")'
}

# What `make conformance` adds to the test environment, alone: it comes without dependencies.
conformance_requirements() {
    "$TOOLS/bin/python" -c \
        'import pathlib, tomllib; print(*tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]["optional-dependencies"]["conformance"], sep="\n")'
}

# npm, where the machine has none: alone too, for it is fetched only then.
npm_requirements() {
    "$TOOLS/bin/python" -c \
        'import pathlib, tomllib; print(*tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]["optional-dependencies"]["npm"], sep="\n")'
}

"${PYTHON:-python3}" -m venv "$TOOLS"
"$TOOLS/bin/python" -m pip --quiet --disable-pip-version-check install uv
build_requirements | compile "$@" -o requirements-build.lock -
conformance_requirements | compile "$@" -o requirements-conformance.lock -
npm_requirements | compile "$@" -o requirements-npm.lock -
compile "$@" -o requirements.lock pyproject.toml
compile "$@" --extra test -c requirements.lock -o requirements-test.lock pyproject.toml
compile "$@" --extra bench -c requirements.lock -o requirements-bench.lock pyproject.toml
