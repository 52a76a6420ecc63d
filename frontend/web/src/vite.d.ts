/** The kinds of imports that Vite adds, as far as the page uses them. */

declare module "*?worker&url" {
  const url: string;
  export default url;
}

/** Class names by their names in the stylesheet. ui/styles.test.ts checks that each one exists. */
declare module "*.css";
