/** The city of vehicles, for viewers who ask for what they look at. */
import './fleet.ts';
