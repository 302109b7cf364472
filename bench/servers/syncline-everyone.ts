/** The city of vehicles, for viewers who get everything. */
import './fleet.ts';
