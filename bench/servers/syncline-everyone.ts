/**
 * The city of vehicles, for viewers who get everything. The benchmark starts one
 * server for each contender; this one differs from its twin by name only.
 */
import './fleet.ts';
