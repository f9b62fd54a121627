"""One playbook an agent. Pure: facts and tools' answers in, the next call or the result out."""
