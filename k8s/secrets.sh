#!/usr/bin/env bash
# Makes passwords that nobody has had before, for what k8s/ itself starts.
#
#   k8s/secrets.sh compose                 files in k8s/secret/, which git leaves out; never overwritten
#   k8s/secrets.sh kubernetes NAMESPACE    Secrets on standard output, for `kubectl apply -f -`
#
# A managed Postgres, Redis or bucket has passwords of its own: k8s/README.md says where they go.
set -euo pipefail
self=$(realpath "$0")
cd "$(dirname "$self")"

# 40 hexadecimal digits: nothing in an address or a file has to be quoted.
password() { od -An -N20 -tx1 /dev/urandom | tr -d ' \n'; }

make_all() {
  postgres=$(password)
  redis=$(password)
  access_key=phagen-$(password | cut -c1-12)
  secret_key=$(password)
  url=postgres://phagen:$postgres@pgbouncer:6432/phagen
  direct_url=postgres://phagen:$postgres@postgres:5432/phagen
  redis_url=redis://:$redis@redis:6379/0
  userlist="\"phagen\" \"$postgres\""
  users_acl="user default on >$redis ~* &* +@all"
}

# In a folder for its owner alone; the files are open to the users of the containers.
write_file() { printf '%s\n' "$2" >"secret/$1"; chmod 0644 "secret/$1"; }

for_compose() {
  if [ -e secret ]; then
    echo "k8s/secret/ is there already: what runs with it would lose its passwords" >&2
    exit 1
  fi
  mkdir -m 0700 secret
  write_file postgres-password "$postgres"
  write_file userlist.txt "$userlist"
  write_file users.acl "$users_acl"
  write_file access-key "$access_key"
  write_file secret-key "$secret_key"
  write_file phagen.env "PHAGEN_DATABASE__URL=$url
PHAGEN_CACHE__REDIS_URL=$redis_url
PHAGEN_BLOB__ACCESS_KEY=$access_key
PHAGEN_BLOB__SECRET_KEY=$secret_key"
  # The migration goes past the pooler, with the same password.
  write_file migrate.env "PHAGEN_DATABASE__URL=$direct_url
PHAGEN_DATABASE__DIRECT_URL=$direct_url"
}

# NAME KEY VALUE [KEY VALUE]…
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\ntype: Opaque\nstringData:\n' \
    "$1" "$namespace"
  shift
  while [ $# -gt 0 ]; do
    printf "  %s: '%s'\n" "$1" "$2"
    shift 2
  done
}

for_kubernetes() {
  secret phagen-postgres password "$postgres"
  secret phagen-pgbouncer userlist.txt "$userlist"
  secret phagen-redis url "$redis_url" users.acl "$users_acl"
  secret phagen-object-store access-key "$access_key" secret-key "$secret_key"
  secret phagen-database url "$url" direct-url "$direct_url"
}

case "${1:-}" in
  compose)
    make_all
    for_compose
    ;;
  kubernetes)
    namespace=${2:?which namespace? k8s/secrets.sh kubernetes NAMESPACE}
    make_all
    for_kubernetes
    ;;
  *)
    sed -n '2,7s/^# \{0,1\}//p' "$self" >&2
    exit 2
    ;;
esac
