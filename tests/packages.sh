# Sourced by tests/run and tests/bench/run: installs what a machine lacks. Whoever sources it sets `me`, the name it speaks under.
# shellcheck shell=bash

# Debian keeps the broker's programs where only root's PATH looks.
export PATH=$PATH:/usr/sbin:/sbin

say() { printf '%s\n' "$me: $*" >&2; }
fail() { say "$@"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# A python3 that can make a virtual environment; the first that can, as some machines carry several.
python_with_venv() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    if has "$candidate" && "$candidate" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return 0
    fi
  done
  return 1
}

# Installs packages from the distribution, as root or through sudo.
install_packages() {
  local as_root=()
  has apt-get || fail "please install: $* (no apt-get on this machine)"
  if [ "$(id -u)" -ne 0 ]; then
    if has sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
      as_root=(sudo)
    else
      fail "please install as root: apt-get install $*"
    fi
  fi
  say "installing $*"
  # The packages of broker and database start services; the tests start their own and want none on the default ports.
  local policy=/usr/sbin/policy-rc.d own_policy=
  if [ ! -e "$policy" ]; then
    own_policy=yes
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
  fi
  local code=0
  { "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
      apt-get install -y -qq --no-install-recommends "$@"; } >&2 || code=$?
  if [ -n "$own_policy" ]; then "${as_root[@]}" rm -f "$policy"; fi
  [ "$code" -eq 0 ] || fail "apt-get could not install: $*"
  if [ -d /run/systemd/system ]; then
    case " $* " in
      *" rabbitmq-server "*) "${as_root[@]}" systemctl disable --now rabbitmq-server >&2 || true ;;
    esac
    case " $* " in
      *" postgresql "*) "${as_root[@]}" systemctl disable --now postgresql >&2 || true ;;
    esac
  fi
}

# make_venv FOLDER LIST MODULE: a virtual environment with the packages of LIST, of which MODULE is one.
# The stamp is the list itself: a changed list makes a new environment, an interrupted install leaves no stamp.
make_venv() {
  local venv=$1 wanted=$2 module=$3 python
  if cmp -s "$wanted" "$venv/installed.txt" && "$venv/bin/python" -c "import $module" 2>/dev/null; then return 0; fi
  python=$(python_with_venv) || fail "no python3 (3.10 or later) that can make a virtual environment"
  say "making ${venv#"$top/"}"
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted" >&2
  cp "$wanted" "$venv/installed.txt"
}

# make_node_modules FOLDER: what the lock file of FOLDER names. As with make_venv, the stamp is the lock file itself.
make_node_modules() {
  local folder=$1
  cmp -s "$folder/package-lock.json" "$folder/node_modules/installed.json" && return 0
  say "making ${folder#"$top/"}/node_modules"
  (cd "$folder" && npm ci --no-audit --no-fund --ignore-scripts --silent) >&2
  cp "$folder/package-lock.json" "$folder/node_modules/installed.json"
}

# Fails where node is too old for what the tests have of it.
check_node() {
  node -e 'process.exit(process.versions.node.split(".")[0] >= 18 ? 0 : 1)' ||
    fail "node is $(node --version), and 18 or later is needed: https://nodejs.org"
}
