part sandbox
