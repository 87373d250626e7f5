# setup.sh: installs what is missing, and only that. Sourced after lib.sh.
#
#     setup run      compilers, libraries, a Python with headers, .venv      tools/packages-run.txt
#     setup test     the tests' tools on top                                 tools/packages-test.txt, requirements-test.txt
#     setup bench    the benchmarks' rivals on top                           requirements-bench.txt
#
# A part that was set up leaves .cache/setup-<part> with a key: the checksum of its lists and the interpreter's path.
# While the key is the same nothing is looked at again. A list that changed is gone through again from the start;
# that is quick, since what is installed already is left as it is.

setup_key() { # PART
    {
        cat "tools/packages-$1.txt" "tools/requirements-$1.txt" 2>/dev/null || :
        printf '%s\n' "$PWD" "${PYTHON:-$(command -v python3)}"
    } | cksum
}

setup() { # PART
    case $1 in
    run) ;;
    test | bench) setup run ;;
    *) fail "no such set-up: $1 (there are: run, test, bench)" ;;
    esac
    key=$(setup_key "$1")
    if [ "$(cat ".cache/setup-$1" 2>/dev/null)" = "$key" ] && [ -x .venv/bin/python ]; then return 0; fi
    case $1 in
    run)
        install_packages tools/packages-run.txt
        choose_python
        make_venv
        rm -f .cache/setup-test .cache/setup-bench # they were about the former .venv
        key=$(setup_key run)                       # python3 may just have come
        ;;
    test) install_packages tools/packages-test.txt && install_requirements test ;;
    bench) install_requirements bench ;;
    esac
    printf '%s\n' "$key" >".cache/setup-$1"
}

missing_packages() { # FILE
    sed 's/[[:space:]]*#.*//; /^$/d' "$1" | while read -r package; do
        case $(dpkg-query -W -f='${db:Status-Status} ' "$package" 2>/dev/null) in
        *not-installed* | '' | *config-files* | *half* | *unpacked*) printf '%s ' "$package" ;;
        esac
    done
}

install_packages() { # FILE
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        say "not a Debian system: taking for granted that what $1 names is installed"
        return 0
    fi
    missing=$(missing_packages "$1")
    missing=${missing% }
    if [ -z "$missing" ]; then return 0; fi
    become_root=
    if [ "$(id -u)" -ne 0 ]; then
        become_root=sudo
        say "missing Debian packages: $missing"
        if ! command -v sudo >/dev/null || ! sudo_works; then
            fail "root is needed to install them; as root, run: apt-get update && apt-get install --no-install-recommends $missing"
        fi
    fi
    step apt-update "updating Debian's package lists" $become_root apt-get update
    # word splitting is wanted: one argument for each package
    # shellcheck disable=SC2086
    step apt-install "installing Debian packages: $missing" $become_root tools/apt.sh $missing
}

# Asks for the password where there is somebody to ask.
sudo_works() {
    if [ -t 0 ]; then sudo -v; else sudo -n true 2>/dev/null; fi
}

python_is_usable() { # PYTHON
    "$1" - 2>/dev/null <<'END'
import ensurepip, os, sys, sysconfig, venv
has_headers = os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h"))
sys.exit(0 if sys.version_info >= (3, 11) and has_headers else 1)
END
}

# Sets `python`: the user's choice, or python3 from PATH, or Debian's own.
choose_python() {
    python=${PYTHON:-python3}
    if python_is_usable "$python"; then return 0; fi
    if [ -n "${PYTHON:-}" ]; then
        fail "PYTHON=$PYTHON cannot be used: it must be 3.11 or newer, with the venv module and the headers for extensions"
    fi
    install_packages tools/packages-python.txt
    for python in python3 /usr/bin/python3; do
        if python_is_usable "$python"; then return 0; fi
    done
    fail "no Python 3.11 or newer with the venv module and the headers for extensions; name one: PYTHON=/path/to/python3 ./dev ..."
}

make_venv() {
    if [ -x .venv/bin/python ] && [ "$(cat .venv/made-by 2>/dev/null)" = "$PWD $python" ] && python_is_usable .venv/bin/python; then
        return 0
    fi
    rm -rf .venv
    step venv "making the Python environment .venv" "$python" -m venv .venv
    printf '%s\n' "$PWD $python" >.venv/made-by
}

install_requirements() { # PART
    step "pip-$1" "installing Python packages into .venv: tools/requirements-$1.txt" \
        .venv/bin/python -m pip install --disable-pip-version-check --no-input -r "tools/requirements-$1.txt"
}
