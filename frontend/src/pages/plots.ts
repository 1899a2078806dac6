// Pages of figures: their plots.

import { drawPlots } from "../overview/plots";

drawPlots(document, document.documentElement.lang);
