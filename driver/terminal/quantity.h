/* Numbers as people read them. Pure. */
#ifndef HOODY_DRIVER_QUANTITY_H
#define HOODY_DRIVER_QUANTITY_H

enum { QUANTITY_BYTES = 24 };

/* "0 B", "1023 B", "1.0 KiB", "12.3 MiB", "4.0 GiB"; below zero or no number: "-". */
void quantity_format_bytes(double bytes, char ret_text[QUANTITY_BYTES]);
/* "0", "0.4", "12.5", "130", "4500": with a decimal below 100. Below zero or no number: "-". */
void quantity_format_number(double number, char ret_text[QUANTITY_BYTES]);

#endif
