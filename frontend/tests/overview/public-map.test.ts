import { describe as group, expect, it } from "vitest";
import { rowsInOrder } from "../../src/overview/layer-panel";
import { layersOf, type MapOffer, type OfferedImagery, type OfferedMap } from "../../src/overview/map-offer";
import { formatView, parseView } from "../../src/overview/permalink";
import { clipOf } from "../../src/overview/swipe";
import { agreementColour, describe as told, fillOf, shownPart, within } from "../../src/overview/vector-layer";
import { contains, readVectorTile, type VectorLayer } from "../../src/overview/vector-tile";

function imagery(vintage: number): OfferedImagery {
  return {
    layer: `l${vintage}`, title: "", vintage, attribution: "IGN", bounds: [[0, 0], [1, 1]], outline: [],
    url: `/imagery/l${vintage}/web/{z}/{x}/{y}.jpg`, max_zoom: 19,
  };
}

function made(kind: "class" | "entropy", vintage: number): OfferedMap {
  return { kind, layer: "l", vintage, model: "m1", url: `/predictions/${vintage}/${kind}/web/{z}/{x}/{y}.png`, max_zoom: 19 };
}

const LABELS = { url: "/campaigns/c/labels/{z}/{x}/{y}.mvt", max_zoom: 16, first_polygon_zoom: 13, tiles: 0, compared_tiles: 0 };
const BARE: MapOffer = { imagery: [imagery(2022)], maps: [], change: null, polygons: null, labels: LABELS };
const POLYGONS = { url: "/predictions/1/polygons/tiles/{z}/{x}/{y}.mvt?v=1", max_zoom: 15, polygons: 7 };

group("the layers of a map", () => {
  it("are its imagery alone, shown, and the others with the reason why there is nothing yet", () => {
    const layers = layersOf(BARE);
    expect(layers.map((layer) => [layer.key, layer.on, layer.missing === ""])).toEqual([
      ["imagery", true, true], ["class", false, false], ["entropy", false, false], ["polygons", false, false],
      ["change", false, false], ["disagreement", false, false], ["labels", false, false], ["agreement", false, false],
    ]);
    expect(layers.every((layer) => (layer.tiles === null) === (layer.missing !== ""))).toBe(true);
  });

  it("name their year once there are two vintages, the earlier below and off", () => {
    const offer: MapOffer = {
      imagery: [imagery(2022), imagery(2019)], maps: [made("class", 2022), made("entropy", 2022), made("class", 2019)],
      change: { from: 2019, to: 2022, url: "u", max_zoom: 19 },
      disagreement: { from: 2019, to: 2022, url: "d", max_zoom: 19, page: null }, polygons: POLYGONS,
      labels: { ...LABELS, tiles: 3, compared_tiles: 1 },
    };
    const layers = layersOf(offer, { showClasses: true });
    expect(layers.map((layer) => layer.key)).toEqual([
      "imagery-2019", "imagery", "class-2019", "class", "entropy", "polygons", "change", "disagreement", "labels", "agreement",
    ]);
    expect(layers.filter((layer) => layer.on).map((layer) => layer.key)).toEqual(["imagery", "class"]);
    expect(layers[0]?.name).toBe("Imagery (2019)");
    expect(layers.find((layer) => layer.key === "change")?.name).toBe("Later class where the maps of 2019 and 2022 differ");
    expect(layers.find((layer) => layer.key === "disagreement")?.name).toBe("Where the maps of 2019 and 2022 disagree");
    expect(layers.every((layer) => layer.missing === "")).toBe(true);
  });

  it("are listed by what they are, imagery last, and each newest first", () => {
    const offer = { ...BARE, imagery: [imagery(2022), imagery(2019)], maps: [made("class", 2022), made("class", 2019)] };
    expect(rowsInOrder(layersOf(offer)).map((layer) => layer.key)).toEqual([
      "class", "class-2019", "polygons", "entropy", "labels", "agreement", "change", "disagreement", "imagery", "imagery-2019",
    ]);
  });

  it("have no labels where the page shows something fixed", () => {
    expect(layersOf({ ...BARE, labels: null }).map((layer) => layer.kind)).toEqual(["imagery", "class", "entropy", "polygons", "change", "disagreement"]);
  });

  it("wait for a map before they wait for its polygons", () => {
    const why = (offer: MapOffer): string | undefined => layersOf(offer).find((layer) => layer.key === "polygons")?.missing;
    expect(why(BARE)).toBe("No model has drawn a map yet.");
    expect(why({ ...BARE, maps: [made("class", 2022)] })).toBe("No polygons are made of this map yet.");
    expect(why({ ...BARE, maps: [made("class", 2022)], polygons: POLYGONS })).toBe("");
  });
});

group("a view in the address", () => {
  const view = { zoom: 17, lat: 43.650123, lng: -0.58401, show: { imagery: 1, "class-2019": 0.7 }, compare: null };

  it("is read as it was written", () => {
    expect(formatView(view)).toBe("#map=17/43.650123/-0.584010&show=imagery,class-2019:70");
    expect(parseView(formatView(view))).toEqual(view);
    const compared = { ...view, compare: { left: "imagery-2019", right: "class", at: 0.35 } };
    expect(formatView(compared)).toContain("&compare=imagery-2019|class&at=35");
    expect(parseView(formatView(compared))).toEqual(compared);
    // Browsers may write the bar in its other form.
    expect(parseView(formatView(compared).replace("|", "%7C"))).toEqual(compared);
  });

  it("keeps fractional zooms and as many digits as the zoom can tell apart", () => {
    expect(formatView({ ...view, zoom: 6.25, lat: 1 / 3 })).toContain("#map=6.25/0.333/");
  });

  it("is passed over when it makes no sense", () => {
    for (const hash of ["", "#report", "#map=17", "#map=17/43", "#map=x/1/2", "#map=17/91/0", "#map=17/0/181", "#map=99/0/0", "#map=17/0/0/0", "#map=17/1e9/0"]) {
      expect(parseView(hash), hash).toBeNull();
    }
  });

  it("takes no layer whose name could be something else, and no opacity beyond full", () => {
    const found = parseView("#map=1/0/0&show=<b>,class:250,entropy:x,a b,labels:0,../x");
    expect(found?.show).toEqual({ class: 1, labels: 0 });
    expect(parseView("#map=1/0/0&compare=a|b|c")?.compare).toBeNull();
    expect(parseView("#map=1/0/0&compare=a|b&at=900")?.compare).toEqual({ left: "a", right: "b", at: 1 });
  });
});

/** A vector tile by hand: layer "labels" of 100 units, one square from 10 to 30 with a hole from 15 to 20, class "a". */
function handMade(): Uint8Array {
  const text = (value: string): number[] => [value.length, ...new TextEncoder().encode(value)];
  const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
  const ring = (dx: number, dy: number, sides: number[]): number[] => [9, zigzag(dx), zigzag(dy), 26, ...sides.map(zigzag), 15];
  const geometry = [...ring(10, 10, [20, 0, 0, 20, -20, 0]), ...ring(5, -15, [0, 5, 5, 0, 0, -5])];
  const feature = [0x12, 4, 0, 0, 1, 1, 0x18, 3, 0x22, geometry.length, ...geometry];
  const area = new Uint8Array(new Float64Array([2.5]).buffer);
  const layer = [
    0x0a, ...text("labels"), 0x12, feature.length, ...feature, 0x1a, ...text("class"), 0x1a, ...text("area_m2"),
    0x22, 3, 0x0a, ...text("a"), 0x22, 9, 0x19, ...area, 0x28, 100, 0x78, 2,
  ];
  return new Uint8Array([0x1a, layer.length, ...layer]);
}

group("a vector tile", () => {
  it("is read to its corners, holes and properties", () => {
    const [layer] = readVectorTile(handMade());
    expect([layer?.name, layer?.extent]).toEqual(["labels", 100]);
    expect(layer?.features[0]?.properties).toEqual({ class: "a", area_m2: 2.5 });
    expect(layer?.features[0]?.rings).toEqual([[10, 10, 30, 10, 30, 30, 10, 30], [15, 15, 15, 20, 20, 20, 20, 15]]);
  });

  it("knows what is inside of a polygon and not in its hole", () => {
    const feature = readVectorTile(handMade())[0]?.features[0];
    if (!feature) throw new Error("no feature");
    const places = [[12, 12], [17, 17], [25, 17], [31, 17], [5, 17]] as const;
    expect(places.map(([x, y]) => contains(feature, x, y))).toEqual([true, false, true, false, false]);
  });

  it("that ends too early is refused", () => {
    const whole = handMade();
    expect(() => readVectorTile(whole.subarray(0, whole.length - 3))).toThrow(RangeError);
    expect(readVectorTile(new Uint8Array())).toEqual([]);
  });

  it("is drawn in the class's colour, and said in words", () => {
    const looks = { classes: { a: { name: "Water", colour: "#0000ff" } }, language: "en" };
    const [layer] = readVectorTile(handMade());
    const feature = layer?.features[0];
    if (!layer || !feature) throw new Error("no feature");
    expect(fillOf(feature, looks)).toBe("#0000ff");
    expect(told(feature, looks).textContent).toBe("Water3 m², drawn by people and accepted");
    const cell = { rings: [], properties: { class: "a", share: 94, tiles: 12 } };
    expect(told(cell, looks).textContent).toBe("Water94% of what is labelled here (labelled tiles: 12)");
    const agreed = { rings: [], properties: { agreement: 75, people: 2 } };
    expect(told(agreed, looks).textContent).toBe("2 people labelled this tile: they agree on 75% of its ground.");
    expect(fillOf(agreed, looks)).toBe("#fe9929");
    expect([0, 59.9, 60, 95, 100].map(agreementColour)).toEqual(["#8c2d04", "#8c2d04", "#d95f0e", "#ffffd4", "#ffffd4"]);
    expect(fillOf({ rings: [], properties: { class: "gone" } }, looks)).toBe("#8d8d8d");
    const parts = [layer, { ...layer, name: "cells" }, { ...layer, name: "agreement" }];
    expect(shownPart(parts, "labels").map((part) => part.name)).toEqual(["labels", "cells"]);
    expect(shownPart([...parts, { ...layer, name: "polygons" }], "polygons").map((part) => part.name)).toEqual(["polygons"]);
    expect(shownPart(parts, "agreement").map((part) => part.name)).toEqual(["agreement"]);
  });
});

group("a polygon of a map", () => {
  const looks = { classes: { "CS1.1": { name: "Built", colour: "#ff0000" } }, language: "en" };
  const said = (properties: Record<string, string | number>): string | null => told({ rings: [], properties: { class_code: "CS1.1", ...properties } }, looks).textContent;

  it("has its class's colour and says its class and area, and why it is in pieces or small", () => {
    expect(fillOf({ rings: [], properties: { class_code: "CS1.1" } }, looks)).toBe("#ff0000");
    expect(said({ area_m2: 12345, region_id: 3 })).toBe("Built12,345 m², as the model sees it");
    expect(said({ area_m2: 5, reason: "cut" })).toContain("A piece of a larger area");
    expect(said({ area_m2: 5, reason: "no_neighbour" })).toContain("Smaller than its class may be");
  });

  it("that stands for several says so", () => {
    expect(said({})).toBe("BuiltSeveral small areas of this class: zoom in to see each.");
  });

  it("is drawn where a part of the tile shows it", () => {
    const at = (x: number): VectorLayer["features"][number] => ({ properties: { x }, rings: [[x, 0, x + 10, 0, x + 10, 10, x, 10]] });
    const layer: VectorLayer = { name: "polygons", extent: 4096, features: [at(0), at(100), at(200)] };
    const seen = (margin: number): unknown[] => within(layer, [115, 0, 195, 50], margin).map((one) => one.properties.x);
    expect([seen(0), seen(5), seen(6)]).toEqual([[], [100, 200], [100, 200]]);
    expect(within(layer, [0, 11, 4096, 20])).toEqual([]);
  });
});

group("the border between two layers", () => {
  it("cuts each side out of what the map shows, wherever the map has been moved to", () => {
    expect(clipOf({ x: -40, y: 10 }, { x: 200, y: 100 }, 0, 0.25)).toBe("polygon(-40px 10px, 10px 10px, 10px 110px, -40px 110px)");
    expect(clipOf({ x: -40, y: 10 }, { x: 200, y: 100 }, 0.25, 1)).toBe("polygon(10px 10px, 160px 10px, 160px 110px, 10px 110px)");
  });
});
