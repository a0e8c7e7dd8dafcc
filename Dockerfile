# The gateway as an image: docker build -t porchlight .
# docs/production.md says how to run it. test/packaging/image.test.ts carries out these steps.

# Debian 13: the native transport for Node 22 needs glibc 2.38.
FROM node:22-trixie-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts/build.mjs scripts/
COPY actors actors
COPY src src
RUN npm run build:server
RUN npm prune --omit=dev --no-audit --no-fund
RUN mkdir data

FROM node:22-trixie-slim
# Outside of its container nobody sees these addresses until a port is published.
ENV NODE_ENV=production HOST=0.0.0.0 HEALTH_HOST=0.0.0.0 DATA_DIR=/data
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist/server dist/server
COPY --from=build --chown=node:node /build/data /data
USER node
VOLUME /data
# Clients; REST; health and metrics, which are not for the public.
EXPOSE 10001 10002 11002
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=10s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HEALTH_PORT || 11002}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# node itself, and no npm or shell around it: it is process 1 and hears SIGTERM.
CMD ["node", "--enable-source-maps", "dist/server/main.js"]
