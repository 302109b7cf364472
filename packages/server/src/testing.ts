/**
 * The door for tests outside this package that speak to a server byte by byte: requests and frames, right and wrong, and what comes
 * back taken apart. It opens no socket and needs no test runner; no source imports it.
 */
export {
  type Changes,
  close,
  frame,
  type HttpAnswer,
  opcodes,
  request,
  type ServerFrame,
  type Taken,
  takeAnswer,
  takeFrame,
} from './testing/bytes.ts';
export { memoryNodes, onNode, testHealth } from './testing/nodes.ts';
