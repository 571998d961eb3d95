#include "inspect_page.h"

#define SCRIPT_TYPE "text/javascript; charset=utf-8"

/* The bytes come from the build (CMakeLists.txt). */
static const uint8_t HTML[] = {
#include "page.html.inc"
};
static const uint8_t STYLE[] = {
#include "page.css.inc"
};
static const uint8_t ICON[] = {
#include "icon.svg.inc"
};
static const uint8_t PAGE_SCRIPT[] = {
#include "page.js.inc"
};
static const uint8_t LIST_SCRIPT[] = {
#include "list.js.inc"
};
static const uint8_t DETAIL_SCRIPT[] = {
#include "detail.js.inc"
};
static const uint8_t BODY_SCRIPT[] = {
#include "body.js.inc"
};
static const uint8_t CURL_SCRIPT[] = {
#include "curl.js.inc"
};
static const uint8_t ELEMENTS_SCRIPT[] = {
#include "elements.js.inc"
};

static const struct inspect_file FILES[] = {
    {"/", "text/html; charset=utf-8", {HTML, sizeof HTML}},
    {"/page.css", "text/css; charset=utf-8", {STYLE, sizeof STYLE}},
    {"/icon.svg", "image/svg+xml", {ICON, sizeof ICON}},
    {"/page.js", SCRIPT_TYPE, {PAGE_SCRIPT, sizeof PAGE_SCRIPT}},
    {"/list.js", SCRIPT_TYPE, {LIST_SCRIPT, sizeof LIST_SCRIPT}},
    {"/detail.js", SCRIPT_TYPE, {DETAIL_SCRIPT, sizeof DETAIL_SCRIPT}},
    {"/body.js", SCRIPT_TYPE, {BODY_SCRIPT, sizeof BODY_SCRIPT}},
    {"/curl.js", SCRIPT_TYPE, {CURL_SCRIPT, sizeof CURL_SCRIPT}},
    {"/elements.js", SCRIPT_TYPE, {ELEMENTS_SCRIPT, sizeof ELEMENTS_SCRIPT}},
};

const struct inspect_file *inspect_page_find(struct span path)
{
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
        if (span_equals(path, FILES[i].path))
            return &FILES[i];
    return NULL;
}
