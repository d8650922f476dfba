module docket-emitter

go 1.19
