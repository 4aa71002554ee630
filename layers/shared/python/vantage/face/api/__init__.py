"""The API: one table of operations, which is both what is served and what /openapi.json says.

operation   what an operation is; what a handler is asked and tells
params      the query, checked; every fault names its parameter
body        a JSON body, checked by the models of the monitors file; every fault names its field
serve       who may, once only, written down: what is the same for all operations
openapi     the document that says all of it
shapes      the models of answers
"""
