-- The one row that says whose status page it is: its title, its logo as a data: address, its colour, the groups' order.
CREATE TABLE status_page (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    title text NOT NULL,
    logo text,
    colour text,
    groups text [] NOT NULL DEFAULT '{}'
);
