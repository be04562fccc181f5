#!/usr/bin/env bash
# engines.sh install: brings, on Debian, the programs by which `make engines` judges the
# platform. What is there already is left.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "${1:-}" != install ] || [ $# -ne 1 ]; then
  sed -n '2,3s/^# //p' scripts/engines.sh >&2
  exit 1
fi

# packages COMMAND... -- PACKAGE...: Debian's packages, where one of the commands is missing.
packages() {
  local as=() missing=""
  while [ "$1" != -- ]; do
    command -v "$1" > /dev/null || [ -x "/usr/sbin/$1" ] || missing=yes
    shift
  done
  if [ -z "$missing" ]; then return; fi
  if [ "$(id -u)" -ne 0 ]; then as=(sudo --non-interactive); fi
  "${as[@]}" apt-get update -qq
  # A package of a server would start one of its own.
  "${as[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -qq --yes --no-install-recommends "${@:2}" > /dev/null
}

# Debian 12's: MariaDB 10.11 and Redis 7.0.
packages mariadbd -- mariadb-server
packages redis-server -- redis-server

# Apache Kafka's broker, from Maven Central: exactly the archives in jars.sha256.
archives="$PWD/test/engines/kafka/jars.sha256"
mkdir -p build/kafka
if ! (cd build/kafka && sha256sum --check --quiet --strict "$archives" > /dev/null 2>&1); then
  packages java mvn -- openjdk-17-jre-headless maven
  rm -rf build/kafka
  mvn --quiet --batch-mode --strict-checksums --file test/engines/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$PWD/build/kafka"
  (cd build/kafka && sha256sum --check --quiet --strict "$archives")
fi

# MiniStack, from PyPI: exactly the archives of its requirements.
requirements=test/engines/emulator/requirements.txt
if ! cmp -s "$requirements" build/ministack/requirements.txt; then
  python3 -m venv --clear build/ministack
  build/ministack/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement "$requirements"
  cp "$requirements" build/ministack/
fi
