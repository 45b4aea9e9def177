// Shows the OpenAPI document that is in the page with Swagger UI.
"use strict";

window.addEventListener("DOMContentLoaded", () => {
  SwaggerUIBundle({
    spec: JSON.parse(document.getElementById("document").textContent),
    dom_id: "#view",
    deepLinking: true,
    showExtensions: true,
    showCommonExtensions: true,
    validatorUrl: null, // it would send the document away
  });
});
