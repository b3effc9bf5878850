# The image of PhaGen: one binary, its guests, the bundled corpus and vocabulary, and no shell.
# Tags are pinned here; k8s/release.sh adds the digests that the registries tell it, and hands them in.
ARG BUILD_IMAGE=rust:1.95.0-bookworm
# The same Debian, so that the C library is the one that was linked. It has tags for releases of Debian alone.
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
# Writes into the binary what it was made of, which scanners and the SBOM read from there.
RUN cargo install cargo-auditable --version 0.7.7 --locked \
    && rustup target add wasm32-wasip2
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY xtask xtask
COPY wit wit
COPY sdk sdk
COPY plugins plugins
COPY data data
COPY migrations migrations
COPY host host
# Guests first: the share folder is laid out from them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo xtask guests \
    && cargo auditable build --locked --release --package phagen-server \
    && mkdir -p /image/share /image/data \
    && cp target/release/phagen /image/phagen \
    && cp -r target/share/plugin target/share/artifact target/share/corpus \
             target/share/vocabulary /image/share/ \
    && /image/phagen --version

FROM ${RUNTIME_IMAGE} AS runtime
COPY LICENSE /usr/share/doc/phagen/LICENSE
COPY --from=build /image/share /usr/share/phagen
# Its owner, so that a new volume mounted there is its own.
COPY --from=build --chown=65532:65532 /image/data /var/lib/phagen
COPY --from=build /image/phagen /usr/local/bin/phagen
ENV PHAGEN_SHARE_DIR=/usr/share/phagen \
    PHAGEN_DATA_DIR=/var/lib/phagen/data
USER 65532:65532
WORKDIR /var/lib/phagen
# The API, then metrics and probes.
EXPOSE 8000 9464
ENTRYPOINT ["/usr/local/bin/phagen"]
CMD ["serve"]
