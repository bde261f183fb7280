//! From DocuSign's words to the unified ones: the one module that says both "envelope" and "signing request".
