// Shows the OpenAPI document that is in the page with ReDoc.
import { init } from "./redoc-bundle.js";

const text = document.getElementById("document").textContent;
// Without the option it would report to its makers; the page's policy does not let it, either.
init(JSON.parse(text), { disableTelemetry: true }, document.getElementById("view"));
