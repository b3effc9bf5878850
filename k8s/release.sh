#!/usr/bin/env bash
# Builds the image, pushes it, signs it, attaches what it is made of, and writes the digest that the
# registry told into the production overlay, and the version into the base.
#
#   k8s/release.sh --image registry.example.com/phagen [--dry-run]
#
# The version is the one in Cargo.toml. With --dry-run every step is printed, and none is taken.
# Needs docker with buildx, logged in to the registry, and syft and cosign.
set -euo pipefail
self=$(realpath "$0")
cd "$(dirname "$self")/.."

usage() { sed -n '2,8s/^# \{0,1\}//p' "$self" >&2; exit 2; }
fail() { echo "release: $*" >&2; exit 1; }

image= dry_run=
while [ $# -gt 0 ]; do
  case "$1" in
    --image) image=${2:-}; shift 2 || usage ;;
    --dry-run) dry_run=yes; shift ;;
    *) usage ;;
  esac
done
[[ "$image" =~ ^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$ ]] || usage
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
[[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+ ]] || fail "Cargo.toml names no version"

step() { printf '\n== %s\n' "$*"; }
# Shown, and done unless this is a dry run.
run() {
  printf '+'; printf ' %q' "$@"; printf '\n'
  [ -n "$dry_run" ] || "$@"
}
digest_of() { docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}'; }
# What a registry answers now, or a word for it in a dry run: no digest is ever typed or made up.
fetched_digest() {
  if [ -n "$dry_run" ]; then echo "sha256:<told by the registry>"; return; fi
  local digest
  digest=$(digest_of "$1")
  [[ "$digest" =~ ^sha256:[0-9a-f]{64}$ ]] || fail "no digest of $1: '$digest'"
  echo "$digest"
}
base_image() { sed -n "s/^ARG $1=//p" Dockerfile; }

step "look whether everything is there"
if [ -z "$dry_run" ]; then
  for tool in docker syft cosign; do
    command -v "$tool" >/dev/null || fail "\`$tool\` is missing"
  done
  [ -z "$(git status --porcelain)" ] || fail "there are changes that no commit holds"
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

step "pin the base images by what their registries say today"
pinned=()
for argument in BUILD_IMAGE RUNTIME_IMAGE; do
  base=$(base_image "$argument")
  digest=$(fetched_digest "$base")
  echo "$argument=$base@$digest"
  pinned+=(--build-arg "$argument=$base@$digest")
done

step "build and push"
run docker buildx build --pull --push --provenance=mode=max \
  --metadata-file "$folder/built.json" "${pinned[@]}" \
  --label "org.opencontainers.image.version=$version" \
  --tag "$image:$version" .

step "fetch its digest"
digest=$(fetched_digest "$image:$version")
if [ -z "$dry_run" ]; then
  built=$(sed -n 's/.*"containerimage.digest": *"\([^"]*\)".*/\1/p' "$folder/built.json" | head -n 1)
  [ "$digest" = "$built" ] || fail "the registry has $digest, and $built was built"
fi
echo "$image:$version@$digest"

step "list what it is made of: the binary carries its crates, by cargo auditable"
run syft scan "registry:$image@$digest" --output "cyclonedx-json=$folder/sbom.json"

step "sign, and attest the list"
run cosign sign --yes "$image@$digest"
run cosign attest --yes --type cyclonedx --predicate "$folder/sbom.json" "$image@$digest"

step "write the digest where production reads it"
overlay=k8s/overlays/prod/image/kustomization.yaml
job=k8s/base/migrate/kustomization.yaml
base=k8s/base/kustomization.yaml
if [ -n "$dry_run" ]; then
  echo "$overlay: $image:$version@$digest"
  echo "$job: nameSuffix: -${version//./-}"
  echo "$base: newTag: $version"
  exit 0
fi
cat >"$overlay" <<END
# Written whole by k8s/release.sh, with the digest that the registry told it.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
  - name: phagen
    newName: $image
    newTag: $version
    digest: $digest
END
sed -i "s/^nameSuffix: .*/nameSuffix: -${version//./-}/" "$job"
sed -i "s/^\( *newTag: \).*/\1$version/" "$base"
echo "Commit $overlay, $job and $base, then: kubectl apply -k k8s/overlays/prod"
