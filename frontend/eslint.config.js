import js from "@eslint/js";
import tseslint from "typescript-eslint";

const markup = "Build nodes or use textContent: text from people must never be parsed as markup.";

export default tseslint.config(
  { ignores: ["dist/", "node_modules/"] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    rules: {
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/no-extraneous-class": "off",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: markup },
        { property: "outerHTML", message: markup },
        { property: "insertAdjacentHTML", message: markup },
      ],
      "no-restricted-syntax": [
        "error",
        {
          selector:
            "CallExpression[callee.property.name=/^(bindPopup|bindTooltip|setPopupContent|setTooltipContent|openPopup|openTooltip|setContent)$/] > :matches(Literal, TemplateLiteral, BinaryExpression).arguments",
          message: markup,
        },
        { selector: "CallExpression[callee.name=/^(unsafeHTML|unsafeSVG)$/]", message: markup },
        { selector: "MemberExpression[property.name='write'][object.name='document']", message: markup },
      ],
    },
  },
  {
    // The rules of drawing stay usable without a page.
    files: ["src/domain/**"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            { group: ["leaflet", "lit", "lit/*", "idb", "**/map/*", "**/ui/*", "**/pages/*", "**/api/client*", "**/save/*"], message: "domain/ is pure." },
          ],
        },
      ],
      "no-restricted-globals": ["error", "window", "document", "fetch", "localStorage", "indexedDB"],
    },
  },
);
