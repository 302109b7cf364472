/**
 * The city of vehicles, for viewers who ask for what they look at. The benchmark starts one
 * server for each contender; this one differs from its twin by name only.
 */
import './fleet.ts';
