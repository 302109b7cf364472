/** The public conformance suite of Durable Streams over the memory broker. */
import { memory } from '@syncline/server';
import { conformance } from './suite.ts';

conformance(async () => memory());
