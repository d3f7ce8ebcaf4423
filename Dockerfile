# The image of one Tandem node: the binary, the libraries that it is linked against, and nothing else - no shell, no root.
# Not here: what runs beside it (compose.yaml).
#
#   docker build -t tandem --build-arg REVISION=$(git rev-parse --short HEAD) .
#
# Needs BuildKit (Docker's own since version 23) or buildah, for the caches below.

FROM docker.io/library/rust:1.95-slim-bookworm AS build
# What /metrics shows as tandem_build_info{revision}.
ARG REVISION=unknown
# How many compilers run at once; by default one a core.
ARG CARGO_BUILD_JOBS
WORKDIR /src
COPY . .
# Both caches outlive the build: a second one compiles only what has changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    TANDEM_REVISION="$REVISION" cargo build --profile dist --locked --bin tandem \
    && install -D --strip target/dist/tandem /image/usr/bin/tandem
# The libraries, each where the dynamic loader looks for it, and names for the user.
RUN ldd /image/usr/bin/tandem | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' | sort -u > /libraries \
    && while read -r library; do install -D "$library" "/image$library"; done < /libraries \
    && install -D -m 644 config/tandem.toml /image/etc/tandem/tandem.toml \
    && echo 'tandem:x:65532:65532:Tandem:/var/lib/tandem:/nonexistent' > /image/etc/passwd \
    && echo 'tandem:x:65532:' > /image/etc/group \
    && mkdir -m 1777 /image/tmp \
    && mkdir /data

FROM scratch
LABEL org.opencontainers.image.title="Tandem" \
      org.opencontainers.image.description="A SIP-trunking switch that charges for calls while they run" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=build /image /
# A new volume takes its owner from here.
COPY --from=build --chown=65532:65532 /data /var/lib/tandem
USER 65532:65532
WORKDIR /var/lib/tandem
ENV TANDEM_CONFIG=/etc/tandem/tandem.toml \
    TANDEM__NODE__DATA_DIR=/var/lib/tandem
VOLUME /var/lib/tandem
# SIP, the API, sound.
EXPOSE 5060/udp 5060/tcp 8080/tcp 10000-31999/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=8s --start-period=20s --retries=3 CMD ["/usr/bin/tandem", "healthcheck"]
ENTRYPOINT ["/usr/bin/tandem"]
CMD ["serve"]
