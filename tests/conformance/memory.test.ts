/**
 * The public conformance suite of Durable Streams over the memory broker. Nothing is kept there, so it is the fastest.
 */
import { memory } from '@syncline/server';
import { conformance } from './suite.ts';

conformance(async () => memory());
