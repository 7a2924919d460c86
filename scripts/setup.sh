#!/usr/bin/env bash
# Installs, on Debian 12 or 13, whatever liangze still lacks: system packages, Fandol fonts, a virtual environment.
#   scripts/setup.sh run     what the program needs       (make demo)
#   scripts/setup.sh test    and what its checks need     (make test)
#   scripts/setup.sh conformance    and veraPDF, PDFBox, Bouncy Castle (make conformance)
# Web files of others (htmx, signature_pad, a QR reader) come from npm packages, checked by digest, and are copied, never committed.
# Every step looks first and does nothing when all is there: a second run takes well under a second.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly MODE="${1:-run}"
readonly PYTHON="${PYTHON:-python3}"
readonly VENV=.venv
readonly FONTS=.fonts
readonly FANDOL=scripts/fandol.sha256
readonly NPM=scripts/npm.sha512
# What is taken out of which package, and where it goes; the last is for the tests of the pages only.
readonly WEB_FILES=(
    "htmx.org-2.0.4.tgz dist/htmx.min.js service/web/static/vendor"
    "signature_pad-4.2.0.tgz dist/signature_pad.umd.min.js service/web/static/vendor"
    "qr-0.7.0.tgz decode.js service/web/door/vendor"
    "qr-0.7.0.tgz index.js service/web/door/vendor"
)
readonly TEST_WEB_FILES=("axe-core-4.14.1.tgz axe.min.js tests/web/vendor")
# Pango and HarfBuzz draw the pages, Noto and LXGW WenKai hold the rare names, poppler checks signatures independently.
readonly PACKAGES=(libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk fonts-lxgw-wenkai poppler-utils)
# qpdf looks for damage in signed files, the registry is tested on a private PostgreSQL server, keys on tokens with SoftHSM,
# the pages in Chromium; only the tests call them.
readonly TEST_PACKAGES=(qpdf postgresql softhsm2 chromium)
# The veraPDF engine is a Java program that reads its profiles with JAXB, which Java itself no longer has; PDFBox and Bouncy
# Castle judge signatures, those with SM2 too; Go's own log code reads ours.
readonly CONFORMANCE_PACKAGES=(libjaxb-java libpdfbox2-java libbcpkix-java golang-go golang-golang-x-mod-dev)

ROOT="$PWD"
readonly ROOT
WORK="$(mktemp -d)"
readonly WORK
readonly LOG="$WORK/log"
trap 'rm -rf "$WORK"' EXIT

say() { printf '· %s\n' "$*"; }

# fail CHINESE ENGLISH: the last thing a person reads, so it tells what to do.
fail() {
    if [ -s "$LOG" ]; then tail -n 20 "$LOG" >&2; fi
    printf '✗ %s\n  %s\n' "$1" "$2" >&2
    exit 1
}

may_install() { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" >>"$LOG" 2>&1; }

# Package lists are fetched once per run, and only when something has to be installed.
refresh_lists() {
    if [ -e "$WORK/lists" ] || ! may_install; then return; fi
    say "更新软件包目录 / apt-get update"
    apt update || fail "无法更新软件包目录：请检查网络或 /etc/apt 中的软件源，然后再运行一次。" \
        "Package lists could not be fetched: check the network or the sources in /etc/apt, then run this again."
    touch "$WORK/lists"
}

# Prints the interpreter's version, or nothing when it cannot make a virtual environment.
usable_python() { "$PYTHON" -c 'import ensurepip, sys, venv; print(*sys.version_info[:3], sep=".")' 2>/dev/null || true; }

wanted_packages() {
    printf '%s\n' "${PACKAGES[@]}"
    if [ "$MODE" != run ]; then printf '%s\n' "${TEST_PACKAGES[@]}"; fi
    if [ "$MODE" = conformance ]; then printf '%s\n' "${CONFORMANCE_PACKAGES[@]}"; fi
    if [ "$MODE" = conformance ] && ! command -v java >/dev/null; then echo default-jre-headless; fi
    if [ -z "$VERSION" ]; then printf '%s\n' python3 python3-venv; fi
}

missing_packages() {
    # shellcheck disable=SC2046 # a list of words is meant
    comm -23 <(wanted_packages | sort) \
        <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' $(wanted_packages) 2>/dev/null | sed -n 's/ installed$//p' | sort -u)
}

install_packages() {
    local missing
    command -v apt-get >/dev/null || fail "本脚本只支持 Debian 12 或 13：请在这样的机器上运行。" \
        "This script knows Debian 12 and 13 only: run it on such a machine."
    missing="$(missing_packages | tr '\n' ' ')"
    if [ -z "$missing" ]; then return; fi
    may_install || fail "缺少软件包且没有安装权限：请管理员执行 apt-get install --no-install-recommends ${missing% }，然后再运行一次。" \
        "Packages are missing and you may not install them: ask an administrator to run the command above, then run this again."
    refresh_lists
    say "安装系统软件包 / system packages: ${missing% }"
    # shellcheck disable=SC2086 # a list of words is meant
    apt install --yes --no-install-recommends $missing || fail "软件包安装失败（详见上文）：请排除后再运行一次。" \
        "Installing packages failed (see above): mend that, then run this again."
    VERSION="$(usable_python)"
}

# The very bytes are checked: the same letter must give the same PDF everywhere.
has_fonts() { [ -d "$FONTS" ] && (cd "$FONTS" && sha256sum --check --status) <"$FANDOL" 2>/dev/null; }

# Fandol is packaged only inside Debian's TeX collection; the files are taken out of the package, no TeX is installed.
unpack_fonts() {
    local package
    if has_fonts; then return; fi
    refresh_lists
    say "取出 Fandol 字体（约 50 MB，不安装 TeX）/ unpack the Fandol fonts"
    package="$(download_package texlive-lang-chinese)" || fail "无法下载 texlive-lang-chinese：请检查网络；没有管理员权限时请管理员先执行 apt-get update。" \
        "texlive-lang-chinese could not be downloaded: check the network; without root, ask an administrator to run apt-get update first."
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$WORK" --wildcards --no-anchored '*/opentype/public/fandol/Fandol*.otf'
    mkdir -p "$FONTS"
    cut -d ' ' -f 3 "$FANDOL" | while read -r file; do find "$WORK" -name "$file" -exec mv {} "$FONTS/" \; ; done
    has_fonts || fail "texlive-lang-chinese 中的字体与 $FANDOL 所列不同：请把所列版本（Fandol 0.3）的文件放入 $FONTS 目录。" \
        "The fonts in texlive-lang-chinese are not those of $FANDOL: put the listed files (Fandol 0.3) into $FONTS."
}

# Prints the path of the downloaded package. apt drops to the user _apt when root calls it, which must reach the folder.
download_package() {
    local folder="$WORK/package"
    mkdir "$folder"
    if [ "$(id -u)" = 0 ] && id _apt >/dev/null 2>&1; then
        chmod 711 "$WORK"
        chown _apt "$folder"
    fi
    (cd "$folder" && apt-get -qq download "$1") >>"$LOG" 2>&1 && find "$folder" -name "$1_*.deb" | grep .
}

check_python() {
    if [[ "$VERSION" =~ ^3\.(1[1-9]|[2-9][0-9])\. ]]; then return; fi
    fail "$PYTHON 不可用（需要 Python 3.11 或更新版本，并带 venv 模块）：请安装后用 make PYTHON=/路径/python3 指定，再运行一次。" \
        "$PYTHON will not do (Python 3.11 or newer with venv is needed): install one and name it, as in make PYTHON=/path/to/python3."
}

# The lock files of this mode, the build backend first: it is needed to install the project itself.
lock_files() {
    echo requirements-build.lock
    if [ "$MODE" = run ]; then echo requirements.lock; else echo requirements-test.lock; fi
    if [ "$MODE" = conformance ]; then echo requirements-conformance.lock; fi
}

# One value for all that the environment is made from; when it changes, the environment is brought up to date.
fingerprint() {
    { pwd -P; echo "$VERSION"; cat scripts/setup.sh pyproject.toml requirements*.lock; } | sha256sum | cut -d' ' -f1
}

is_current() {
    [ -x "$VENV/bin/liangze" ] && [ "$(cat "$VENV/.made-for-$MODE" 2>/dev/null)" = "$1" ]
}

# An environment made by another Python, or whose Python is gone, is made anew.
has_environment() {
    "$VENV/bin/python" -c 'import pip' >/dev/null 2>&1 && [ "$("$VENV/bin/python" --version)" = "Python $VERSION" ]
}

pip() { "$VENV/bin/python" -m pip --quiet --disable-pip-version-check --no-input "$@" >>"$LOG" 2>&1; }

install_python() {
    local stamp lock
    stamp="$(fingerprint)"
    if is_current "$stamp"; then return; fi
    if ! has_environment; then
        say "建立虚拟环境 / virtual environment: $VENV (Python $VERSION)"
        "$PYTHON" -m venv --clear "$VENV" >>"$LOG" 2>&1 || fail "无法建立虚拟环境：请安装 python3-venv 后再运行。" \
            "The virtual environment could not be made: install python3-venv, then run this again."
    fi
    for lock in $(lock_files); do
        say "安装 Python 依赖（按散列核对）/ hash-checked requirements: $lock"
        pip install --require-hashes --only-binary :all: -r "$lock" || fail "Python 依赖安装失败（详见上文）：请检查网络或 pip 的软件源设置后再运行。" \
            "Python requirements could not be installed (see above): check the network or pip's index settings, then run this again."
    done
    pip install --no-deps --no-build-isolation --editable . || fail "无法安装本项目（详见上文）：请确认源码完整后再运行。" \
        "The project itself could not be installed (see above): check that the source tree is complete, then run this again."
    record_stamp "$stamp"
}

wanted_web_files() {
    printf '%s\n' "${WEB_FILES[@]}"
    if [ "$MODE" != run ]; then printf '%s\n' "${TEST_WEB_FILES[@]}"; fi
}

# Next to each copied file stands the digest of the package that it was taken from.
has_web_file() { [ -s "$3/${2##*/}" ] && [ "$(cat "$3/.${2##*/}" 2>/dev/null)" = "$(digest_of "$1")" ]; }

digest_of() { sed -n "s/^\([0-9a-f]*\) .$1\$/\1/p" "$NPM"; }

install_web_files() {
    local package file folder
    while read -r package file folder; do
        # shellcheck disable=SC2086 # three words are meant
        if has_web_file $package $file $folder; then continue; fi
        say "取出网页文件（按散列核对）/ web file: ${file##*/}"
        fetch_npm_package "$package"
        mkdir -p "$folder"
        tar -xz -O -f "$WORK/npm/$package" "package/$file" >"$WORK/npm/file"
        mv "$WORK/npm/file" "$folder/${file##*/}"
        digest_of "$package" >"$folder/.${file##*/}"
    done < <(wanted_web_files)
}

# fetch_npm_package NAME-VERSION.tgz: into the work folder, or the end; a package that is not the very one is refused.
fetch_npm_package() {
    local name="${1%-*}" version="${1##*-}"
    mkdir -p "$WORK/npm"
    (cd "$WORK/npm" && npm_command pack --silent "$name@${version%.tgz}") >>"$LOG" 2>&1 || fail "无法取得 npm 软件包 $1（详见上文）：请检查网络或 npm 的软件源设置后再运行。" \
        "npm package $1 could not be fetched (see above): check the network or npm's registry setting, then run this again."
    [ "$(sha512sum "$WORK/npm/$1" | cut -d' ' -f1)" = "$(digest_of "$1")" ] || fail "npm 软件包 $1 与 $NPM 所列不符，已停止：请核对软件源。" \
        "npm package $1 is not the one that $NPM lists: check where your registry gets it from."
}

# A machine without npm gets it as a Python package, into the environment.
npm_command() {
    if command -v npm >/dev/null; then
        npm "$@"
        return
    fi
    [ -x "$ROOT/$VENV/bin/npm" ] || (cd "$ROOT" && pip install --require-hashes --only-binary :all: -r requirements-npm.lock)
    PATH="$ROOT/$VENV/bin:$PATH" "$ROOT/$VENV/bin/npm" "$@"
}

# Each environment holds the ones before it whole.
record_stamp() {
    local mode done=
    for mode in run test conformance; do
        if [ -n "$done" ]; then rm -f "$VENV/.made-for-$mode"; else echo "$1" >"$VENV/.made-for-$mode"; fi
        if [ "$mode" = "$MODE" ]; then done=1; fi
    done
}

case "$MODE" in
    run | test | conformance) ;;
    *) fail "用法：scripts/setup.sh run|test|conformance" "Usage: scripts/setup.sh run|test|conformance" ;;
esac
VERSION="$(usable_python)"
install_packages
check_python
unpack_fonts
install_python
install_web_files
