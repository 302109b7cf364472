/**
 * What streets, parks and quarters of the made-up city are called. Nobody lives there; a name that is one in some real city is so
 * by chance. It knows words only.
 */
import type { Random } from './random.ts';
import type { StreetClass } from './skeleton.ts';

const words =
  `Acorn Alder Almond Amber Anchor Apple Ash Aspen Badger Baker Barley Barrel Basil Beacon Beech Bell Birch Blossom Bluebell
Bracken Bramble Brewer Bridle Brook Butcher Candle Canvas Carpenter Cedar Chalk Chapel Cherry Chestnut Clay Clock Clover Cooper Copper
Coral Crane Cricket Crown Cygnet Cypress Dairy Damson Dove Drum Elder Elm Falcon Farrier Fern Ferry Fiddler Finch Fisher Flax Fletcher
Flint Fountain Fox Foundry Garnet Ginger Glass Glover Gold Goose Granary Hammer Harbour Hare Hawthorn Hazel Heather Heron Hickory Holly
Honey Hop Ivory Ivy Jasmine Juniper Kestrel Kiln King Kingfisher Lamp Lantern Larch Lark Laurel Lavender Lemon Lilac Lime Linden Linen
Lion Locksmith Loom Magpie Mallow Maple Marble Marigold Mason Meadow Melon Merchant Mill Mint Miller Mulberry Myrtle Needle Nettle
Nightingale Nutmeg Oak Oat Olive Orchard Osprey Otter Owl Paper Parsley Pear Pearl Pebble Pepper Pigeon Pilot Pine Plover Plum Poplar
Poppy Potter Primrose Quail Quarry Quill Quince Raven Reed Robin Rope Rose Rosemary Rowan Rye Saddler Saffron Sage Salt Sand Shepherd
Silk Silver Slate Smith Sorrel Sparrow Spinner Spruce Stable Star Starling Stone Swallow Swan Sycamore Tailor Tanner Teal Thatch Thistle
Thorn Thrush Thyme Tiller Timber Tulip Turner Vine Violet Walnut Warbler Water Weaver Wheat Wheel Willow Wind Wool Wren Yarrow Yew`.split(
    /\s+/,
  );

const endings: Readonly<Record<StreetClass, readonly string[]>> = {
  motorway: ['Motorway'],
  primary: ['Road'],
  secondary: ['Avenue', 'Boulevard'],
  tertiary: ['Street', 'Street', 'Road', 'Parade'],
  residential: ['Street', 'Street', 'Lane', 'Row', 'Way', 'Close', 'Walk', 'Place'],
};
const quarters =
  `Ashcombe Barrowfield Birchwood Brookside Canonbury Castlegate Chalkwell Clayhall Coldharbour Eastgate Fairmead Ferrybank Foxhill
Friarsgate Glasswork Goosegreen Greyfriars Hartsdown Hollins Kilnside Kingsmead Lambwell Larkhill Leafield Longacre Maltings Millbank
Moorgate Newcroft Northolme Oakfield Orchardleigh Oxgate Priory Quayside Redcliffe Ropewalk Saltmarsh Shipwright Southmead Springwell
Stonebow Summerleaze Swanpool Tannery Thornhill Underbank Wellgate Westbury Whitefield Windmill Woodside Wyke Yarnfield`.split(
    /\s+/,
  );
const before = ['Upper', 'Lower', 'Old', 'New', 'Little', 'Great', 'North', 'South', 'East', 'West'];

export class Names {
  readonly #random: Random;
  readonly #taken = new Set<string>();

  constructor(random: Random) {
    this.#random = random;
  }

  street(kind: StreetClass): string {
    return this.#free(() => `${this.#random.pick(words)} ${this.#random.pick(endings[kind])}`);
  }

  park(): string {
    return this.#free(
      () => `${this.#random.pick(words)} ${this.#random.pick(['Park', 'Gardens', 'Green', 'Common'])}`,
    );
  }

  quarter(): string {
    return this.#free(() => this.#random.pick(quarters));
  }

  /** A name that nothing else has; where all are taken there is a second one of it. */
  #free(make: () => string): string {
    let name = make();
    for (let tries = 0; this.#taken.has(name) && tries < 40; tries++) {
      name = tries < 3 ? make() : `${this.#random.pick(before)} ${make()}`;
    }
    this.#taken.add(name);
    return name;
  }
}
