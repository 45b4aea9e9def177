// ReDoc puts styles into the page; with this number, which the policy of the page names, it may.
"use strict";

window.__webpack_nonce__ = document.currentScript.nonce;
