/**
 * The lines that mend proxies, by what they are to do. Checks hand them out with what they found; docs/guide/deploy.md has the
 * configurations that they belong to.
 */

export const mends = {
  upgrade: [
    'nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
    'HAProxy: `mode http` in frontend and backend passes upgrades on; no `http-request del-header Upgrade`.',
    'Caddy: `reverse_proxy /sync* 127.0.0.1:8080` passes upgrades on by itself.',
    'A CDN or a load balancer of a cloud: switch WebSockets on for this path.',
  ],
  proto: [
    'nginx: proxy_set_header X-Forwarded-Proto $scheme;',
    'HAProxy: http-request set-header X-Forwarded-Proto https',
    'Caddy: it sets the header by itself.',
    'And createServer({ trustProxy: true }), or `serve --trust-proxy`.',
  ],
  subprotocol: [
    'nginx passes Sec-WebSocket-Protocol on by itself: take out a `proxy_set_header Sec-WebSocket-Protocol`, and a `proxy_hide_header`.',
    'A path of the option `plain` speaks no subprotocol: name the SDK’s path, /sync by default.',
  ],
  host: [
    'nginx: proxy_set_header Host $http_host;',
    'HAProxy and Caddy keep Host by themselves: take out what sets another.',
    'Or list the origin of your pages: createServer({ originsAllowed: ["https://app.example"] }).',
  ],
  origin: [
    'nginx: take out a `proxy_set_header Origin`. HAProxy: take out an `http-request set-header Origin` or `del-header Origin`.',
    'Keep `originsAllowed` to the origins of your own pages.',
  ],
  idle: [
    'nginx: proxy_read_timeout 75s; proxy_send_timeout 75s;',
    'HAProxy: timeout tunnel 75s, and timeout client and timeout server 75s',
    'Caddy has no such timeout; a load balancer of a cloud has one: set it to 75 s or more.',
    'Or let the server speak more often than the proxy allows silence: createServer({ heartbeatMs }).',
  ],
  buffering: [
    'nginx: proxy_buffering off; and no `proxy_ignore_headers X-Accel-Buffering`; no gzip for text/event-stream.',
    'HAProxy: no `option http-buffer-request`, no compression for text/event-stream.',
    'Caddy: reverse_proxy { flush_interval -1 }',
  ],
  reach: [
    'Look whether the server runs, and whether the proxy has its address: curl http://127.0.0.1:8080/sync/ready on that machine.',
  ],
  chain: [
    'Give the server or the proxy the file with the whole chain: fullchain.pem, not cert.pem.',
    'For a certificate of your own authority: doctor --ca authority.pem; browsers must trust it too.',
  ],
  renew: [
    'Renew it, and look why that doesn’t happen by itself: certbot renew --dry-run, or the log of Caddy.',
  ],
  clock: ['Let machines ask for the time: systemctl status systemd-timesyncd, or chronyc tracking.'],
} as const satisfies Record<string, readonly string[]>;
