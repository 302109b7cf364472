// The headings of docs/reference/options.md, and the options under each, in their order. scripts/docs.ts takes it, and calls it an error
// when an option of the server is under none.

export const optionGroups: Readonly<Record<string, readonly string[]>> = {
  'What is served, and where it is stored': [
    'channels',
    'broker',
    'seed',
    'path',
    'plain',
    'logger',
    'clock',
  ],
  'Who may': ['authenticate', 'authorize', 'beforePublish', 'apiKeys', 'hookMs', 'tokenParameter'],
  'Addresses, encryption, proxies': [
    ...['tls', 'tlsHandshakeMs', 'trustProxy', 'originsAllowed', 'hostsAllowed'],
  ],
  'Sizes of what clients send': ['frameBytesMax', 'payloadBytesMax', 'presenceBytesMax', 'handshakeBytesMax'],
  'How much one client may': [
    ...['requestsPerSecondMax', 'requestsBurstMax', 'requestsPerSessionMax', 'pingsPerSecondMax'],
    ...['channelsPerSessionMax', 'viewsPerSessionMax', 'viewRowsPerSessionMax'],
    ...['sessionsPerUserMax', 'sessionsPerIpMax', 'handshakesPerIpMax'],
  ],
  'How much one node holds': [
    ...[
      'sessionsMax',
      'channelsOpenMax',
      'channelIdleMs',
      'tailEntriesMax',
      'tailBytesMax',
      'socketBytesMax',
    ],
  ],
  'Connections that come, go and fail': [
    ...['heartbeatMs', 'presenceGraceMs', 'drainMs', 'cutOffMs', 'longPollMs', 'linkGraceMs', 'sseMs'],
  ],
  'Snapshots of logs': ['foldEntriesMax', 'foldBytesMax'],
  Documents: ['docFoldEntriesMax', 'docFoldBytesMax', 'docFoldMs', 'docHeapBytesMax', 'docEditMs'],
  Webhooks: ['webhooks', 'webhookEventsMax', 'webhookBytesMax', 'webhookRetryMs'],
};
