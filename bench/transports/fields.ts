/**
 * The header fields that a browser sends along, without which requests would look cheaper than they are. Readers and the exchanges that are
 * shown byte by byte share them; they know no server.
 */

/** What Chromium 140 on Linux sends along with a `fetch` to the page's own origin, but for what depends on the address. */
export const browserFields: Readonly<Record<string, string>> = {
  'sec-ch-ua-platform': '"Linux"',
  'User-Agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'sec-ch-ua': '"Chromium";v="140", "Not=A?Brand";v="24"',
  'sec-ch-ua-mobile': '?0',
  Accept: '*/*',
  'Sec-Fetch-Site': 'same-origin',
  'Sec-Fetch-Mode': 'cors',
  'Sec-Fetch-Dest': 'empty',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  'Accept-Language': 'en-US,en;q=0.9',
};

/** What it sends along when it opens a WebSocket, besides what RFC 6455 wants. */
export const socketFields: Readonly<Record<string, string>> = {
  Pragma: 'no-cache',
  'Cache-Control': 'no-cache',
  'User-Agent': browserFields['User-Agent'] ?? '',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  'Accept-Language': 'en-US,en;q=0.9',
};
